import { describe, expect, it } from "@jest/globals";
import { encodeMessage, MetricsSummary, ServiceError, StatusCode } from "@millrace/shared-types";

import { latch } from "../testing/latch.js";

import { collectMetrics } from "./collect-metrics.js";
import {
  at,
  collect,
  messagesOf,
  NOW_MS,
  numberedSamples,
  openMetricsFixture,
  query,
  sample,
  streamOf,
  withAppend,
} from "./metrics-fixture.test.support.js";
import { contextOf } from "../files/files-fixture.test.support.js";

describe("CollectMetrics", () => {
  it("answers with the number of samples and plain sums by name, whatever their labels, as the seed does", async () => {
    await using opened = openMetricsFixture();
    const labels = new Map([["host", "a"]]);
    const samples = [
      sample({ name: "a", value: 1 }),
      sample({ name: "b", value: 2 }),
      sample({ name: "a", value: 4, labels }),
    ];
    const summary = await collect(opened.metrics, samples);
    expect(summary).toMatchObject({
      totalCount: 3,
      rejectedCount: 0,
      duplicateCount: 0,
      seriesCount: 3,
      truncated: false,
    });
    expect(summary.aggregates).toEqual(
      new Map([
        ["a", 5],
        ["b", 2],
      ]),
    );
  });

  it("answers a stream without samples with an empty summary", async () => {
    await using opened = openMetricsFixture();
    expect(await collect(opened.metrics, [])).toMatchObject({ totalCount: 0, aggregates: new Map(), rejections: [] });
  });

  it("describes the samples of each name", async () => {
    await using opened = openMetricsFixture();
    const samples = Array.from({ length: 1000 }, (_, n) => sample({ value: n + 1, timestamp: at(-n) }));
    const { stats } = await collect(opened.metrics, samples);
    const aggregate = stats.get("m");
    expect(aggregate).toMatchObject({ count: 1000, sum: 500_500, min: 1, max: 1000, avg: 500.5, last: 1 });
    expect(aggregate?.stddev).toBeCloseTo(Math.sqrt((1000 ** 2 - 1) / 12), 6);
    expect(aggregate?.startTime).toEqual(at(-999));
    expect(aggregate?.endTime).toEqual(at(0));
    for (const { quantile, value } of aggregate?.quantiles ?? []) {
      expect(Math.abs(value - quantile * 1000)).toBeLessThanOrEqual(quantile * 1000 * 0.011);
    }
    expect(aggregate?.quantiles.map(({ quantile }) => quantile)).toEqual([0.5, 0.9, 0.95, 0.99]);
  });

  it("sums what a float loses", async () => {
    await using opened = openMetricsFixture();
    const samples = function* () {
      yield sample({ value: 1e16 });
      for (let n = 0; n < 5000; n++) yield sample({ value: 0.1 });
      yield sample({ value: -1e16 });
    };
    expect((await collect(opened.metrics, samples())).aggregates.get("m")).toBeCloseTo(500, 9);
  });

  it("counts a sample as often as its weight says", async () => {
    await using opened = openMetricsFixture();
    const { totalCount, aggregates, stats } = await collect(opened.metrics, [
      sample({ value: 2, weight: 10 }),
      sample(),
    ]);
    expect({ totalCount, sum: aggregates.get("m"), count: stats.get("m")?.count }).toEqual({
      totalCount: 2,
      sum: 21,
      count: 11,
    });
  });

  it("takes a label without value for no label, and names that mean something in JavaScript for names", async () => {
    await using opened = openMetricsFixture();
    const summary = await collect(opened.metrics, [
      sample({ name: "__proto__", labels: new Map([["a", ""]]) }),
      sample({ name: "__proto__" }),
      sample({ name: "constructor", labels: new Map([["__proto__", "x"]]) }),
    ]);
    expect([...summary.aggregates]).toEqual([
      ["__proto__", 2],
      ["constructor", 1],
    ]);
    expect(summary.seriesCount).toBe(2);
    expect(await query(opened.metrics, { name: "constructor", groupBy: ["__proto__"] })).toMatchObject([
      { labels: new Map([["__proto__", "x"]]) },
    ]);
  });

  it.each([
    ["NaN", { value: Number.NaN }, "value: must be finite"],
    ["an infinity", { value: -Infinity }, "value: must be finite"],
    ["no name", { name: "" }, "name: must match ^[a-zA-Z_:][a-zA-Z0-9_:.]*$"],
    ["a name with a space", { name: "a b" }, "name: must match ^[a-zA-Z_:][a-zA-Z0-9_:.]*$"],
    ["a name that is too long", { name: "a".repeat(256) }, "name: max_metric_name_bytes is 255, not 256"],
    ["a label with a colon", { labels: new Map([["a:b", "x"]]) }, "labels: must match ^[a-zA-Z_][a-zA-Z0-9_.]*$"],
    [
      "a label of 1025 bytes",
      { labels: new Map([["a", "é".repeat(512) + "x"]]) },
      "labels: max_metric_label_bytes is 1024, not 1025",
    ],
    [
      "31 labels",
      { labels: new Map(Array.from({ length: 31 }, (_, n) => [`l${String(n)}`, "x"] as const)) },
      "labels: max_metric_labels is 30, not 31",
    ],
    ["a moment in the future", { timestamp: at(600_001) }, "timestamp: is too far ahead of the server's clock"],
    ["a moment from before the retention", { timestamp: at(-60_001) }, "timestamp: is older than what is kept"],
    ["nanos that are none", { timestamp: { seconds: 1, nanos: -1 } }, "timestamp: has nanos outside of one second"],
    ["an infinite weight", { weight: Infinity }, "weight: must be from 0 to 2^53"],
    ["a negative weight", { weight: -1 }, "weight: must be from 0 to 2^53"],
    ["an unknown kind", { kind: 9 as never }, "kind: has no value 9"],
    ["a unit that is too long", { unit: "u".repeat(64) }, "unit: max_metric_unit_bytes is 63, not 64"],
    ["a sequence without producer", { sequence: 1 }, "sequence: must not be set without producer_id"],
  ])("refuses a sample with %s, and goes on", async (_, fields, message) => {
    await using opened = openMetricsFixture({ retentionMs: 60_000 });
    const summary = await collect(opened.metrics, [sample(), sample(fields), sample({ value: 2 })]);
    expect(summary).toMatchObject({ totalCount: 2, rejectedCount: 1 });
    expect(messagesOf(summary.rejections)).toEqual([`1: ${message}`]);
    expect(summary.aggregates).toEqual(new Map([["m", 3]]));
  });

  it("takes what is just within the limits", async () => {
    await using opened = openMetricsFixture({ retentionMs: 60_000 });
    const labels = new Map(Array.from({ length: 30 }, (_, n) => [`l${String(n)}`, "é".repeat(512)] as const));
    const summary = await collect(opened.metrics, [
      sample({ name: "a".repeat(255), labels, timestamp: at(600_000) }),
      sample({ value: Number.MAX_VALUE, weight: 2, timestamp: at(-60_000), unit: "u".repeat(63) }),
    ]);
    expect(summary).toMatchObject({ totalCount: 2, rejectedCount: 0 });
    expect(summary.aggregates.get("m")).toBe(Infinity);
  });

  it("tells the first hundred of the samples that it refused", async () => {
    await using opened = openMetricsFixture();
    const samples = Array.from({ length: 5000 }, (_, n) => sample({ value: n % 2 === 0 ? Number.NaN : 1 }));
    const { totalCount, rejectedCount, rejections } = await collect(opened.metrics, samples);
    expect({ totalCount, rejectedCount }).toEqual({ totalCount: 2500, rejectedCount: 2500 });
    expect(rejections.map(({ index }) => index)).toEqual(Array.from({ length: 100 }, (_, n) => 2 * n));
    expect(rejections[0]).toMatchObject({ id: "m", status: { code: StatusCode.INVALID_ARGUMENT } });
  });

  it("refuses samples of series that are too many, and goes on", async () => {
    await using opened = openMetricsFixture({ maxMetricSeries: 3 });
    const samples = Array.from({ length: 10 }, (_, n) => sample({ name: `n${String(n % 5)}` }));
    const summary = await collect(opened.metrics, samples);
    expect(summary).toMatchObject({ totalCount: 6, rejectedCount: 4, seriesCount: 3 });
    const [detail] = summary.rejections[0]?.status?.details ?? [];
    expect(summary.rejections[0]).toMatchObject({
      index: 3,
      id: "n3",
      status: { code: StatusCode.RESOURCE_EXHAUSTED },
    });
    expect(Buffer.from(detail?.value ?? []).toString()).toContain("QUOTA_EXCEEDED");
  });

  it("summarizes ten thousand names, and stores all", async () => {
    await using opened = openMetricsFixture();
    const samples = Array.from({ length: 10_500 }, (_, n) => sample({ name: `n${String(n)}`, value: n }));
    const summary = await collect(opened.metrics, samples);
    expect(summary).toMatchObject({ totalCount: 10_500, truncated: true, seriesCount: 10_500 });
    expect(summary.aggregates.size).toBe(10_000);
    expect(await query(opened.metrics, { name: "n10499" })).toMatchObject([{ aggregate: { sum: 10_499 } }]);
  });

  it("summarizes fewer names if they are long: a message has an end", async () => {
    await using opened = openMetricsFixture();
    const samples = Array.from({ length: 8000 }, (_, n) => sample({ name: `${"n".repeat(245)}${String(n)}` }));
    const summary = await collect(opened.metrics, samples);
    expect(summary.truncated).toBe(true);
    const { length } = encodeMessage(MetricsSummary, summary);
    expect(length).toBeGreaterThan(2.5 * 1024 * 1024);
    expect(length).toBeLessThan(3.5 * 1024 * 1024);
  });

  it("stores the same stream once, however often it is sent", async () => {
    await using opened = openMetricsFixture();
    const values = Array.from({ length: 2500 }, (_, n) => n);
    const first = await collect(opened.metrics, numberedSamples("p", 1, values.slice(0, 1500)));
    expect(first).toMatchObject({ totalCount: 1500, duplicateCount: 0, committedSequence: 1500 });
    const second = await collect(opened.metrics, numberedSamples("p", 1, values));
    expect(second).toMatchObject({ totalCount: 1000, duplicateCount: 1500, committedSequence: 2500 });
    expect(second.aggregates.get("m")).toBe(values.slice(1500).reduce((sum, value) => sum + value, 0));
    expect(await query(opened.metrics)).toMatchObject([{ aggregate: { count: 2500 } }]);
  });

  it("gives each caller producers of its own", async () => {
    await using opened = openMetricsFixture();
    await collect(opened.metrics, numberedSamples("p", 1, [1]), "alice");
    expect(await collect(opened.metrics, numberedSamples("p", 1, [1]), "bob")).toMatchObject({ totalCount: 1 });
  });

  it("refuses a sample without number where others have one", async () => {
    await using opened = openMetricsFixture();
    const summary = await collect(opened.metrics, [...numberedSamples("p", 1, [1]), sample()]);
    expect(messagesOf(summary.rejections)).toEqual(["1: sequence: must be 1 or more where producer_id is set"]);
  });

  it.each([
    ["another producer", "q"],
    ["one in place of none", "p"],
  ])("ends a stream that names %s", async (_, producerId) => {
    await using opened = openMetricsFixture();
    const first = producerId === "q" ? numberedSamples("p", 1, [1]) : [sample()];
    const sending = collect(opened.metrics, [...first, sample({ producerId, sequence: 2 })]);
    await expect(sending).rejects.toMatchObject({ reason: "PROTOCOL_VIOLATION" });
  });

  it("answers after the last sample is durable, and not before", async () => {
    const gate = latch();
    await using opened = openMetricsFixture({}, (store) =>
      withAppend(store, async () => {
        await gate.promise;
      }),
    );
    let answered = false;
    const collecting = collect(opened.metrics, [sample()]).then((summary) => {
      answered = true;
      return summary;
    });
    await new Promise(setImmediate);
    expect(answered).toBe(false);
    gate.open();
    expect(await collecting).toMatchObject({ totalCount: 1 });
  });

  it("reads no more than a few batches ahead of the store", async () => {
    const gate = latch();
    await using opened = openMetricsFixture({}, (store) =>
      withAppend(store, async () => {
        await gate.promise;
      }),
    );
    let read = 0;
    const endless = async function* () {
      for (; read < 40_000; read++) yield sample();
    };
    const collecting = collectMetrics(endless(), contextOf(), opened.metrics);
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    expect(read).toBeLessThanOrEqual(17_000);
    gate.open();
    expect(await collecting).toMatchObject({ totalCount: 40_000 });
  });

  it("fails with what the store fails with, and stores nothing of the producer after that", async () => {
    let calls = 0;
    await using opened = openMetricsFixture({}, (store) =>
      withAppend(store, async () => {
        if (calls++ === 1) throw new ServiceError("QUOTA_EXCEEDED", "the disk is full");
      }),
    );
    const values = Array.from({ length: 4500 }, (_, n) => n);
    const sending = collect(opened.metrics, numberedSamples("p", 1, values));
    await expect(sending).rejects.toMatchObject({ reason: "QUOTA_EXCEEDED" });
    const again = await collect(opened.metrics, numberedSamples("p", 1, values));
    expect(again).toMatchObject({ totalCount: 3500, duplicateCount: 1000, committedSequence: 4500 });
    expect(await query(opened.metrics)).toMatchObject([{ aggregate: { count: 4500 } }]);
  });

  it("keeps what came before a stream was cut", async () => {
    await using opened = openMetricsFixture();
    const cut = async function* () {
      yield* streamOf(Array.from({ length: 1500 }, () => sample()));
      throw new Error("cut");
    };
    await expect(collectMetrics(cut(), contextOf(), opened.metrics)).rejects.toThrow("cut");
    expect(await query(opened.metrics)).toMatchObject([{ aggregate: { count: 1000 } }]);
  });

  it("stores what waits for long when the next sample comes", async () => {
    await using opened = openMetricsFixture();
    const [more, seen] = [latch(), latch()];
    const slow = async function* () {
      yield sample();
      opened.clock.advance(1000);
      yield sample();
      seen.open();
      await more.promise;
    };
    const collecting = collectMetrics(slow(), contextOf(), opened.metrics);
    await seen.promise;
    await new Promise(setImmediate);
    expect(await query(opened.metrics)).toMatchObject([{ aggregate: { count: 2 } }]);
    more.open();
    expect(await collecting).toMatchObject({ totalCount: 2 });
    expect((await collecting).stats.get("m")).toMatchObject({ startTime: at(0), endTime: at(1000) });
    expect(opened.clock.now()).toBe(NOW_MS + 1000);
  });
});
