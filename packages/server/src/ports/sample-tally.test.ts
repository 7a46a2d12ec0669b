import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { BinBudget } from "./quantile-sketch.js";
import { CompensatedSum, SampleTally } from "./sample-tally.js";

describe("CompensatedSum", () => {
  it("does not drift over a million tenths, and not beside a number that is much larger", () => {
    const sum = new CompensatedSum();
    for (let n = 0; n < 1_000_000; n++) sum.add(0.1);
    expect(sum.value).toBe(100_000);
    for (const value of [1e100, 1, -1e100]) sum.add(value);
    expect(sum.value).toBe(100_001);
  });

  it("is infinite, not NaN, beyond the largest number", () => {
    const sum = new CompensatedSum();
    for (let n = 0; n < 3; n++) sum.add(Number.MAX_VALUE);
    expect(sum.value).toBe(Infinity);
  });
});

describe("SampleTally", () => {
  it("agrees with a computation in two passes", () => {
    const samples = fc.array(
      fc.record({
        value: fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
        weight: fc.integer({ min: 1, max: 9 }),
        timeMs: fc.integer({ min: 0, max: 50 }),
      }),
      { minLength: 1, maxLength: 100 },
    );
    fc.assert(
      fc.property(samples, (all) => {
        const tally = new SampleTally();
        for (const { value, weight, timeMs } of all) tally.add({ value, weight, timeMs });
        const count = all.reduce((sum, { weight }) => sum + weight, 0);
        const mean = all.reduce((sum, { value, weight }) => sum + value * weight, 0) / count;
        const squares = all.reduce((sum, { value, weight }) => sum + weight * (value - mean) ** 2, 0);
        const aggregate = tally.aggregate([]);
        expect(aggregate.count).toBe(count);
        expect(aggregate.avg).toBeCloseTo(mean, 4);
        expect(Math.abs(aggregate.stddev - Math.sqrt(squares / count))).toBeLessThan(1e-2 + aggregate.stddev * 1e-6);
        expect([aggregate.min, aggregate.max]).toEqual([
          Math.min(...all.map(({ value }) => value)),
          Math.max(...all.map(({ value }) => value)),
        ]);
        const lastMs = Math.max(...all.map(({ timeMs }) => timeMs));
        expect(aggregate.last).toBe(all.findLast(({ timeMs }) => timeMs === lastMs)?.value);
      }),
    );
  });

  it("has no quantile outside of what it saw", () => {
    const tally = new SampleTally(new BinBudget(100));
    tally.add({ value: 100, weight: 1, timeMs: 0 });
    expect(tally.aggregate([0, 0.5, 1]).quantiles).toEqual([100, 100, 100]);
  });

  it("says infinite of numbers that are too large to square", () => {
    const tally = new SampleTally();
    tally.add({ value: Number.MAX_VALUE, weight: 1, timeMs: 0 });
    tally.add({ value: -Number.MAX_VALUE, weight: 1, timeMs: 0 });
    expect(tally.aggregate([])).toMatchObject({ sum: 0, stddev: Infinity, min: -Number.MAX_VALUE });
  });
});
