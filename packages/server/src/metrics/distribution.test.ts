import { describe, expect, it } from "@jest/globals";
import { type Distribution, MetricKind, type PartialMessage } from "@millrace/shared-types";
import fc from "fast-check";

import { collect, messagesOf, openMetricsFixture, query, sample } from "./metrics-fixture.test.support.js";

const QUANTILES = [0.1, 0.5, 0.9, 0.99];

/** A distribution as a sender makes it, with bins of its own width. */
function distributionOf(values: readonly number[], relativeAccuracy = 0.01): Distribution {
  const logGamma = Math.log((1 + relativeAccuracy) / (1 - relativeAccuracy));
  const [positiveBins, negativeBins] = [new Map<number, number>(), new Map<number, number>()];
  for (const value of values) {
    const bins = value > 0 ? positiveBins : negativeBins;
    const bin = Math.ceil(Math.log(Math.abs(value)) / logGamma);
    if (value !== 0) bins.set(bin, (bins.get(bin) ?? 0) + 1);
  }
  return {
    count: values.length,
    sum: values.reduce((sum, value) => sum + value, 0),
    min: Math.min(...values),
    max: Math.max(...values),
    relativeAccuracy,
    positiveBins,
    negativeBins,
    zeroCount: values.filter((value) => value === 0).length,
  };
}

const GOOD = distributionOf([1, 2, 3, -4, 0]);
const { DISTRIBUTION: kind } = MetricKind;

describe("a distribution", () => {
  it("counts for as many samples as it has", async () => {
    await using opened = openMetricsFixture();
    const { stats, aggregates, totalCount } = await collect(opened.metrics, [
      sample({ value: 0, kind, distribution: GOOD }),
      sample({ value: 10 }),
    ]);
    expect({ totalCount, sum: aggregates.get("m") }).toEqual({ totalCount: 2, sum: 12 });
    expect(stats.get("m")).toMatchObject({ count: 6, sum: 12, min: -4, max: 10, avg: 2 });
    expect(await query(opened.metrics, { quantiles: [0, 1] })).toMatchObject([
      { aggregate: { count: 6, sum: 12, quantiles: [{ value: -4 }, { value: 10 }] } },
    ]);
  });

  it.each([
    ["0.01, as the server's", 0.01, 0.0101],
    ["0.05: both errors add up", 0.05, 0.0606],
  ])("has the quantiles of its values, however they are split up; accuracy %s", async (_, accuracy, bound) => {
    const value = fc.integer({ min: -1_000_000, max: 1_000_000 });
    const property = fc.asyncProperty(
      fc.array(fc.array(value, { minLength: 1, maxLength: 30 }), { minLength: 1, maxLength: 8 }),
      async (parts) => {
        await using opened = openMetricsFixture();
        const samples = parts.map((values) =>
          sample({ value: 0, kind, distribution: distributionOf(values, accuracy) }),
        );
        await collect(opened.metrics, samples);
        const all = parts.flat().sort((a, b) => a - b);
        const [window] = await query(opened.metrics, { quantiles: QUANTILES });
        for (const { quantile, value: found } of window?.aggregate?.quantiles ?? []) {
          const exact = all[Math.floor(quantile * (all.length - 1))] ?? Number.NaN;
          expect(Math.abs(found - exact)).toBeLessThanOrEqual(Math.abs(exact) * bound);
        }
        expect(window?.aggregate?.quantiles).toHaveLength(QUANTILES.length);
      },
    );
    await fc.assert(property, { numRuns: 50 });
  });

  const withKind = (fields: PartialMessage<Distribution>) => ({ kind, value: 0, distribution: { ...GOOD, ...fields } });
  const manyBins = new Map(Array.from({ length: 4097 }, (_, n) => [n, 1] as const));

  it.each([
    ["no distribution", { kind, value: 0 }, "must be set with kind DISTRIBUTION"],
    ["another kind", { value: 0, distribution: GOOD }, "must not be set but with kind DISTRIBUTION"],
    ["a value", { ...withKind({}), value: 1 }, "must be set instead of value and weight"],
    ["a weight", { ...withKind({}), weight: 2 }, "must be set instead of value and weight"],
    ["nothing in it", withKind({ count: 0 }), "must have a count of 1 or more"],
    ["a sum that is no number", withKind({ sum: Number.NaN }), "must have a finite sum, min and max"],
    ["an accuracy of nothing", withKind({ relativeAccuracy: 0 }), "must have a relative_accuracy from 0.001 to 0.5"],
    ["a sum that cannot be", withKind({ sum: 100 }), "must have a mean between min and max"],
    ["ends the wrong way round", withKind({ min: 3, max: -4, sum: 0 }), "must have a mean between min and max"],
    ["more samples than in bins", withKind({ count: 6 }), "must have as many samples in bins as count says"],
    ["fewer than no zeros", withKind({ count: 3, zeroCount: -1 }), "must have as many samples in bins as count says"],
    [
      "a bin with less than nothing",
      withKind({
        positiveBins: new Map([
          [0, -1],
          [1, 4],
        ]),
      }),
      "must not have bins with less than nothing",
    ],
    [
      "a bin with NaN",
      withKind({ positiveBins: new Map([[0, Number.NaN]]) }),
      "must not have bins with less than nothing",
    ],
    [
      "a bin beyond all numbers",
      withKind({ positiveBins: new Map([[40_000, 3]]) }),
      "must not have bins of values that are no doubles",
    ],
    ["too many bins", withKind({ positiveBins: manyBins }), "max_distribution_bins is 4096, not 4098"],
  ])("is refused with %s", async (_, fields, message) => {
    await using opened = openMetricsFixture();
    const { totalCount, rejections } = await collect(opened.metrics, [sample(fields), sample()]);
    expect(messagesOf(rejections)).toEqual([`0: distribution: ${message}`]);
    expect(totalCount).toBe(1);
  });
});
