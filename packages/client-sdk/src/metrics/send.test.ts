import { describe, expect, it } from "@jest/globals";
import { ServiceError } from "@millrace/shared-types";

import { eventually } from "../testing/eventually.js";
import { randomFaults } from "../testing/fault-plan.js";
import { latch } from "../testing/latch.js";
import { VirtualClock } from "../testing/virtual-clock.js";
import { within } from "../testing/within.js";
import { openMetrics } from "./fake-metric-server.test.support.js";
import type { SendMetricsProgress, ValueSample } from "./types.js";

function* numbered(count: number): Generator<ValueSample> {
  for (let n = 0; n < count; n++) yield { name: `m${String(n % 3)}`, value: n % 10 === 9 ? Number.NaN : n };
}

function sumOf(values: Iterable<number>): number {
  return [...values].reduce((sum, value) => sum + value, 0);
}

describe("sending metrics", () => {
  it("stores every sample, in batches of so many samples and bytes, and sums them", async () => {
    await using opened = openMetrics();
    const summary = await opened.metrics.send([
      { name: "a", value: 1, labels: { __proto__x: "y" }, timestamp: new Date(1500), kind: "gauge", unit: "ms" },
      { name: "a", value: 3, weight: 2 },
      { name: "__proto__", value: 5 },
    ]);
    expect(summary).toMatchObject({ storedCount: 3, duplicateCount: 0, rejectedCount: 0, committedSequence: 3 });
    expect([...summary.stats]).toEqual([
      ["a", { count: 3, sum: 7, min: 1, max: 3, avg: 7 / 3 }],
      ["__proto__", { count: 1, sum: 5, min: 5, max: 5, avg: 5 }],
    ]);
    expect(opened.server.stored[0]).toMatchObject({
      labels: new Map([["__proto__x", "y"]]),
      timestamp: { seconds: 1, nanos: 500_000_000 },
      kind: 1,
      unit: "ms",
      sequence: 1,
    });
    await opened.metrics.send(numbered(10), { maxBatchSamples: 4 });
    await opened.metrics.send(numbered(4), { maxBatchBytes: 120 });
    const sizes = opened.server.requests.map(({ export: batch }) => batch?.metrics.length);
    expect(sizes).toEqual([3, 4, 4, 2, 2, 2]);
  });

  it("calls nobody for no samples", async () => {
    await using opened = openMetrics({ refuse: true });
    expect(await opened.metrics.send([])).toMatchObject({ storedCount: 0, committedSequence: 0 });
  });

  it("tells which samples were refused, and goes on", async () => {
    await using opened = openMetrics();
    const { rejections, ...summary } = await opened.metrics.send(numbered(2000));
    expect(summary).toMatchObject({ storedCount: 1800, rejectedCount: 200 });
    expect(rejections).toHaveLength(100);
    expect(rejections[1]).toMatchObject({ index: 19, name: "m1", error: { reason: "INVALID_FIELD" } });
  });

  it("stores nothing twice, loses nothing and counts each sample once under random faults", async () => {
    const seed = Date.now() % 1_000_000;
    const good = [...numbered(120)].map(({ value }) => value).filter((value) => !Number.isNaN(value));
    for (let round = 0; round < 20; round++) {
      await using opened = openMetrics(randomFaults(seed + round, { probability: 0.7, maxMessages: 6 }));
      const options = { maxBatchSamples: 7, maxInFlight: 3, ...(round % 2 === 0 && { producerId: "p" }) };
      const sending = opened.metrics.send(numbered(120), options);
      const summary = await within(sending, `seed ${String(seed + round)}`);
      const stored = opened.server.stored.map(({ value }) => value);
      expect({ round: seed + round, stored }).toEqual({ round: seed + round, stored: good });
      expect(summary).toMatchObject({ storedCount: good.length, duplicateCount: 0, rejectedCount: 12 });
      expect(sumOf([...summary.stats.values()].map(({ sum }) => sum))).toBe(sumOf(good));
    }
  });

  it("knows what an earlier call of the same producer has sent, and stores the rest", async () => {
    await using opened = openMetrics();
    await opened.metrics.send(numbered(5), { producerId: "p" });
    const summary = await opened.metrics.send(numbered(8), { producerId: "p" });
    expect(summary).toMatchObject({ storedCount: 3, duplicateCount: 5, producerId: "p", committedSequence: 8 });
    expect(sumOf([...summary.stats.values()].map(({ count }) => count))).toBe(3);
    const more = await opened.metrics.send(numbered(2), { producerId: "p", firstSequence: 9 });
    expect(more).toMatchObject({ storedCount: 2, duplicateCount: 0, committedSequence: 10 });
  });

  it("has at most so many messages under way, and reads no further meanwhile", async () => {
    await using opened = openMetrics();
    const [gate, full] = [latch(), latch()];
    let read = 0;
    opened.server.beforeWork = async () => {
      full.open();
      await gate.promise;
    };
    const source = function* (): Generator<ValueSample> {
      for (const sample of numbered(100)) {
        read++;
        yield sample;
      }
    };
    const sending = opened.metrics.send(source(), { maxBatchSamples: 2, maxInFlight: 3 });
    await full.promise;
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect(read).toBeLessThanOrEqual(9);
    gate.open();
    expect(await sending).toMatchObject({ storedCount: 90 });
  });

  it("sends what waits when more takes its time", async () => {
    await using opened = openMetrics();
    const [more, stored] = [latch(), latch()];
    const source = async function* () {
      yield { name: "a", value: 1 };
      await more.promise;
      yield { name: "a", value: 2 };
    };
    const reports: SendMetricsProgress[] = [];
    const sending = opened.metrics.send(source(), {
      lingerMs: 1,
      onProgress(progress) {
        reports.push(progress);
        stored.open();
      },
    });
    await within(stored.promise, "the first sample alone");
    expect(opened.server.stored).toHaveLength(1);
    more.open();
    await sending;
    expect(reports.map(({ storedCount }) => storedCount)).toEqual([1, 2]);
  });

  it.each(["the source", "a bad sample", "a callback", "the caller", "the server"])(
    "ends when %s fails, and closes the source",
    async (who) => {
      await using opened = openMetrics();
      const caller = new AbortController();
      let isClosed = false;
      const source: AsyncIterable<ValueSample> = {
        [Symbol.asyncIterator]() {
          let n = 0;
          return {
            async next() {
              if (n++ < 4) return { done: false, value: { name: "a", value: n } };
              if (who === "the source") throw new Error("the source");
              if (who === "a bad sample") return { done: false, value: { name: "a", valeu: 1 } as never };
              if (who === "the caller") caller.abort(new Error("enough"));
              return new Promise(() => {}); // never
            },
            async return() {
              isClosed = true;
              return { done: true, value: undefined };
            },
          };
        },
      };
      if (who === "the server") {
        opened.server.beforeWork = () => Promise.reject(new ServiceError("QUOTA_EXCEEDED", "the disk is full"));
      }
      const sending = opened.metrics.send(source, {
        maxBatchSamples: 2,
        signal: caller.signal,
        onProgress() {
          if (who === "a callback") throw new Error("a callback");
        },
      });
      const failure = await within(
        sending.then(
          () => undefined,
          (error: unknown) => error,
        ),
        "the failure",
      );
      const expected = {
        "the source": { message: "the source" },
        "a bad sample": { name: "TypeError", message: "a sample has no 'valeu'" },
        "a callback": { message: "a callback" },
        "the caller": { name: "AbortError" },
        "the server": { reason: "QUOTA_EXCEEDED" },
      }[who];
      expect(failure).toMatchObject(expected ?? {});
      expect(isClosed).toBe(true);
    },
  );

  it("gives up after the first failure if it is told to", async () => {
    await using opened = openMetrics({ cutAfter: { messages: 1 } });
    await expect(opened.metrics.send(numbered(3), { resume: false })).rejects.toMatchObject({ kind: "unavailable" });
  });

  it.each([
    ["a value that is a text", { value: "1" }, "value and weight of a sample are numbers, not string and number"],
    ["a weight that is a text", { weight: "1" }, "value and weight of a sample are numbers, not number and string"],
    ["a label that is a number", { labels: { a: 1 } }, "label 'a' is number, not a text"],
    ["no name", { name: undefined }, "name and unit of a sample are texts"],
    ["an unknown kind", { kind: "level" }, "a sample has no kind 'level'"],
  ])("fails at a sample with %s", async (_, fields, message) => {
    await using opened = openMetrics();
    const sending = opened.metrics.send([{ name: "a", value: 1, ...fields } as never]);
    await expect(sending).rejects.toThrow(new TypeError(message));
  });

  it("fails at a sample that no message can hold, and does not try again", async () => {
    await using opened = openMetrics();
    const samples = [
      { name: "a", value: 1 },
      { name: "a", value: 2, labels: { a: "x".repeat(5_000_000) } },
    ];
    const sending = opened.metrics.send(samples, { maxBatchSamples: 1 });
    await expect(within(sending, "the failure")).rejects.toMatchObject({ kind: "message-too-large" });
    expect(opened.faults.started).toBe(1);
  });

  it("takes a stream on which nothing is acknowledged for lost, and sends again on another", async () => {
    const clock = new VirtualClock();
    await using opened = openMetrics({}, clock);
    const [gate, arrived] = [latch(), latch()];
    opened.server.beforeWork = async () => {
      arrived.open();
      if (opened.server.requests.length === 1) await gate.promise;
    };
    let isOver = false;
    const sending = opened.metrics.send([{ name: "a", value: 1 }]).finally(() => {
      isOver = true;
    });
    await within(arrived.promise, "the first message");
    for (let seconds = 0; !isOver && seconds < 60; seconds++) await clock.advance(1000);
    expect(await within(sending, "the second stream")).toMatchObject({ storedCount: 1 });
    expect(opened.server.requests).toHaveLength(2);
    gate.open();
  });

  it("keeps no stream for a source that takes its time, and opens another when there is more", async () => {
    const clock = new VirtualClock();
    await using opened = openMetrics({}, clock);
    const [more, stored] = [latch(), latch()];
    const source = async function* () {
      yield { name: "a", value: 1 };
      await more.promise;
      yield { name: "a", value: 2 };
    };
    const sending = opened.metrics.send(source(), { lingerMs: 0, onProgress: () => stored.open() });
    for (let ms = 0; ms < 20; ms++) await clock.advance(1);
    await within(stored.promise, "the first sample");
    await clock.advance(30_000);
    await eventually(() => expect(opened.client.stats().active).toBe(0));
    more.open();
    expect(await within(sending, "the end")).toMatchObject({ storedCount: 2 });
    expect(opened.faults.started).toBe(2);
  });

  it("refuses options that it does not have", async () => {
    await using opened = openMetrics();
    const send = (options: object) => opened.metrics.send([], options);
    await expect(send({ producerID: "a" })).rejects.toThrow("did you mean producerId?");
    await expect(send({ maxInFlight: 65 })).rejects.toThrow("not an integer from 1 to 64");
    await expect(send({ producerId: "" })).rejects.toThrow("'producerId' is empty");
  });
});

describe("querying metrics", () => {
  it.each(["from", "to"])("refuses a moment that is none: %s", async (end) => {
    await using opened = openMetrics();
    for (const moment of [5, "2026-01-01", null]) {
      expect(() => opened.metrics.query("a", { [end]: moment })).toThrow(new TypeError(`option '${end}' is no Date`));
    }
  });

  it("gives windows in the units of JavaScript", async () => {
    await using opened = openMetrics();
    const aggregate = {
      count: 2,
      sum: 3,
      min: 1,
      max: 2,
      avg: 1.5,
      stddev: 0.5,
      last: 2,
      quantiles: [{ quantile: 0.5, value: 1 }],
      startTime: { seconds: 1, nanos: 0 },
      endTime: { seconds: 2, nanos: 0 },
    };
    const labels = new Map([["a", "b"]]);
    opened.server.windows = [{ labels, windowStart: { seconds: 1, nanos: 5_000_000 }, aggregate }];
    const options = { from: new Date(1000), to: new Date(3000), stepMs: 1500, groupBy: ["a"], quantiles: [0.5] };
    const windows = [];
    for await (const window of opened.metrics.query("m", options)) windows.push(window);
    const { startTime: _1, endTime: _2, ...numbers } = aggregate;
    expect(windows).toEqual([
      { ...numbers, labels: { a: "b" }, start: new Date(1005), firstAt: new Date(1000), lastAt: new Date(2000) },
    ]);
    expect(opened.server.queries).toMatchObject([
      { name: "m", startTime: { seconds: 1 }, endTime: { seconds: 3 }, step: { seconds: 1, nanos: 500_000_000 } },
    ]);
  });

  it("cancels the query when its loop is left, and begins anew with the next loop", async () => {
    await using opened = openMetrics();
    const window = { windowStart: { seconds: 0 }, aggregate: { startTime: { seconds: 0 }, endTime: { seconds: 0 } } };
    opened.server.windows = [window, window];
    const query = opened.metrics.query("m");
    for (let loop = 0; loop < 2; loop++) {
      for await (const { count } of query) {
        expect(count).toBe(0);
        break;
      }
    }
    expect(opened.server.queries).toHaveLength(2);
    await eventually(() => expect(opened.client.stats().active).toBe(0));
  });

  it("lists series page by page", async () => {
    await using opened = openMetrics();
    opened.server.series = [
      { name: "a", labels: new Map([["x", "y"]]), kind: 3, unit: "By", lastTime: { seconds: 1, nanos: 0 } },
      { name: "b" },
    ];
    const found = [];
    for await (const series of opened.metrics.series({ namePrefix: "p" })) found.push(series);
    expect(found).toEqual([
      { name: "a", labels: { x: "y" }, kind: "cumulative", unit: "By", lastAt: new Date(1000) },
      { name: "b", labels: {}, kind: undefined, unit: "", lastAt: undefined },
    ]);
    expect(opened.server.listings.map(({ namePrefix, pageToken }) => [namePrefix, pageToken])).toEqual([
      ["p", ""],
      ["p", "1"],
    ]);
  });
});
