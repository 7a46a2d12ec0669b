import { DDSketch } from "@datadog/sketches-js";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { BinBudget, QuantileSketch, RELATIVE_ACCURACY } from "./quantile-sketch.js";

const FRACTIONS = [0, 0.01, 0.5, 0.9, 0.99, 1];

function sketchOf(values: readonly number[], budget?: BinBudget): QuantileSketch {
  const sketch = new QuantileSketch(budget);
  for (const value of values) sketch.add(value, 1);
  return sketch;
}

/** The value at the rank that the sketch looks for. */
function exactQuantile(values: readonly number[], fraction: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(fraction * (values.length - 1))] ?? Number.NaN;
}

function expectClose(found: number | undefined, exact: number): void {
  expect(Math.abs((found ?? Number.NaN) - exact)).toBeLessThanOrEqual(Math.abs(exact) * (RELATIVE_ACCURACY + 1e-9));
}

describe("QuantileSketch", () => {
  it.each([
    ["uniform", (n: number) => n],
    ["over twelve decades", (n: number) => 10 ** ((n % 1200) / 100 - 6)],
    ["of both signs", (n: number) => (n % 2 === 0 ? n : -n) * 1.5],
    ["mostly zeros", (n: number) => (n % 10 === 0 ? n : 0)],
    ["all the same", () => 42.125],
    ["of two far apart", (n: number) => (n < 500 ? 1e-300 : 1e300)],
  ])("finds quantiles of values that are %s to within 1 %%", (_, valueOf) => {
    const values = Array.from({ length: 1000 }, (_each, n) => valueOf(n));
    const found = sketchOf(values).quantiles(FRACTIONS);
    for (const [at, fraction] of FRACTIONS.entries()) expectClose(found[at], exactQuantile(values, fraction));
  });

  it("finds quantiles of any values to within 1 %", () => {
    const values = fc.array(fc.double({ noNaN: true, min: -1e8, max: 1e8 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (all, fraction) => {
        const normal = all.map((value) => (Math.abs(value) < 1e-8 ? 0 : value)); // 16 decades
        expectClose(sketchOf(normal).quantiles([fraction])[0], exactQuantile(normal, fraction));
      }),
    );
  });

  it("agrees with Datadog's own sketch", () => {
    const value = fc.double({ noNaN: true, min: -1e6, max: 1e6 }).filter((each) => Math.abs(each) > 1e-6 || each === 0);
    const samples = fc.array(fc.tuple(value, fc.integer({ min: 1, max: 5 })), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(samples, (all) => {
        const [ours, theirs] = [new QuantileSketch(), new DDSketch({ relativeAccuracy: RELATIVE_ACCURACY })];
        for (const [each, weight] of all) {
          ours.add(each, weight);
          theirs.accept(each, weight);
        }
        const found = ours.quantiles(FRACTIONS);
        for (const [at, fraction] of FRACTIONS.entries()) {
          const expected = theirs.getValueAtQuantile(fraction);
          expect(Math.abs((found[at] ?? Number.NaN) - expected)).toBeLessThanOrEqual(Math.abs(expected) * 1e-9);
        }
      }),
    );
  });

  it("counts a sample as often as its weight says", () => {
    const sketch = new QuantileSketch();
    sketch.add(1, 1);
    sketch.add(100, 9);
    expectClose(sketch.quantiles([0])[0], 1);
    expectClose(sketch.quantiles([0.2])[0], 100);
  });

  it("keeps the largest magnitudes exact when there are too many bins", () => {
    const values = Array.from({ length: 20_000 }, (_, n) => 10 ** (n / 100 - 100)); // 200 decades
    const found = sketchOf(values).quantiles([0.95, 0.99, 1]);
    for (const [at, fraction] of [0.95, 0.99, 1].entries()) expectClose(found[at], exactQuantile(values, fraction));
  });

  it("takes no more bins than the budget has, and still says something", () => {
    const budget = new BinBudget(10);
    const first = sketchOf(
      Array.from({ length: 1000 }, (_, n) => n + 1),
      budget,
    );
    const second = sketchOf([5, 500, 50_000], budget);
    expectClose(first.quantiles([1])[0], 1000);
    expectClose(second.quantiles([1])[0], 50_000);
    expect(first.quantiles([0.5])[0]).toBeGreaterThan(1);
  });

  it("takes the largest and the smallest numbers there are", () => {
    const found = sketchOf([Number.MAX_VALUE, Number.MIN_VALUE, -Number.MAX_VALUE]).quantiles([0, 1]);
    expectClose(found[0], -Number.MAX_VALUE);
    expectClose(found[1], Number.MAX_VALUE);
  });
});
