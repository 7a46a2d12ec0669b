import { describe, expect, it } from "@jest/globals";

import { sparkline } from "./sparkline.js";

describe("sparkline", () => {
  it.each([
    [[0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"],
    [[5, undefined, -5], "█ ▁"],
    [[3, 3], "▁▁"],
    [[-Number.MAX_VALUE, 0, Number.MAX_VALUE], "▁▅█"],
    [[], ""],
  ])("draws %j as %j", (values, bars) => {
    expect(sparkline(values)).toBe(bars);
  });
});
