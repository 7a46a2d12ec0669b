import { describe, expect, it } from "@jest/globals";

import { backoffMs, spreadRetryAfterMs } from "./backoff.js";

describe("backoffMs", () => {
  it("is uniform below a bound that doubles from 100 ms to 30 s", () => {
    const bounds = [1, 2, 3, 9, 10, 2000].map((failures) => backoffMs(failures, {}, () => 1));
    expect(bounds).toEqual([100, 200, 400, 25_600, 30_000, 30_000]);
    expect(backoffMs(3, {}, () => 0)).toBe(0);
    expect(backoffMs(3, {}, () => 0.25)).toBe(100);
  });

  it("goes by the policy", () => {
    const backoff = { initialMs: 10, maxMs: 1000, multiplier: 10 };
    expect([1, 2, 3, 4].map((failures) => backoffMs(failures, backoff, () => 1))).toEqual([10, 100, 1000, 1000]);
  });
});

describe("spreadRetryAfterMs", () => {
  it("is never less than the server wants, and at most a tenth more", () => {
    expect(spreadRetryAfterMs(1000, () => 0)).toBe(1000);
    expect(spreadRetryAfterMs(1000, () => 1)).toBe(1100);
  });
});
