import { describe, expect, it } from "@jest/globals";

import { formatBytes, formatSeconds } from "./format.js";

describe("formatBytes", () => {
  it.each([
    [0, "0 B"],
    [1, "1 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [1536, "1.5 KiB"],
    [256 * 1024 ** 2, "256.0 MiB"],
    [3 * 1024 ** 4, "3.0 TiB"],
    [5000 * 1024 ** 4, "5000.0 TiB"],
  ])("writes %d as %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe("formatSeconds", () => {
  it.each([
    [0, "0:00"],
    [7.4, "0:07"],
    [59.6, "1:00"],
    [754, "12:34"],
    [7384, "2:03:04"],
    [Infinity, "-:--"],
  ])("writes %d as %s", (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });
});
