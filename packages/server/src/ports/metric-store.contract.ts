import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { packDistribution } from "./distribution.js";
import { type MetricStore, ProducerGap, SampleOutcome } from "./metric-store.js";
import {
  batch,
  ContractClock,
  idsOf,
  MAX_SERIES,
  type MetricStorePlace,
  numbered,
  totalOf,
  windowsOf,
} from "./metric-store-drafts.contract.js";

const { STORED, DUPLICATE, NO_ROOM } = SampleOutcome;

/** What every MetricStore promises. The test file of each adapter calls this once; stores may have 5 series. */
export function describeMetricStore(name: string, makePlace: () => Promise<MetricStorePlace>): void {
  describe(`MetricStore contract: ${name}`, () => {
    let place: MetricStorePlace;
    let store: MetricStore;
    let clock: ContractClock;

    beforeAll(async () => {
      clock = new ContractClock();
      place = await makePlace();
      store = await place.open(clock);
    });

    afterAll(async () => {
      await store[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    });

    // Opening a store takes longer than a test: each leaves it empty for the next.
    afterEach(async () => {
      while ((await store.sweep(1e12)) > 0);
    });

    const outcomesOf = async (...args: Parameters<typeof batch>): Promise<number[]> => [
      ...(await store.append(batch(...args))).outcomes,
    ];

    it("finds nothing in an empty store", async () => {
      expect(await store.series({ afterId: 0, maxSeries: 10 })).toEqual({ series: [], exhausted: true });
      expect(await windowsOf(store, { groups: [[1, 2]] })).toEqual([]);
      expect(await store.lastTimes([1])).toEqual([undefined]);
      expect(await store.sweep(1e9)).toBe(0);
    });

    it("says what became of each sample, and in which series it is", async () => {
      const { outcomes, seriesIds, committedSequence } = await store.append(
        batch([{ label: "a" }, { label: "b" }, { label: "a" }]),
      );
      expect([...outcomes]).toEqual([STORED, STORED, STORED]);
      expect(seriesIds[0]).toBe(seriesIds[2]);
      expect(seriesIds[1]).toBeGreaterThan(Number(seriesIds[0]));
      expect(committedSequence).toBe(0);
    });

    it("takes a batch without samples", async () => {
      expect(await store.append(batch([]))).toEqual({
        outcomes: new Uint8Array(),
        seriesIds: [],
        committedSequence: 0,
      });
      await store.append(numbered("p", 1, [1, 2]));
      expect(await store.append(numbered("p", 1, []))).toMatchObject({ committedSequence: 2 });
    });

    it("aggregates values with their weights", async () => {
      await store.append(
        batch([
          { value: 4, timeMs: 10 },
          { value: -2, timeMs: 30 },
          { value: 1, timeMs: 20, weight: 2 },
        ]),
      );
      const [window] = await windowsOf(store);
      expect(window).toEqual({
        group: 0,
        startMs: 0,
        aggregate: {
          count: 4,
          sum: 4,
          min: -2,
          max: 4,
          avg: 1,
          stddev: Math.sqrt((9 + 9) / 4),
          last: -2,
          firstMs: 10,
          lastMs: 30,
          quantiles: [],
        },
      });
    });

    it("merges distributions with plain samples", async () => {
      const bins = [
        { value: 2, weight: 3 },
        { value: 4, weight: 1 },
      ];
      const sketch = packDistribution({ sum: 10.5, min: 1.9, max: 4.1, bins });
      await store.append(
        batch([
          { value: 10.5 / 4, weight: 4, timeMs: 20, sketch },
          { value: 100, timeMs: 10 },
        ]),
      );
      const [window] = await windowsOf(store, { quantiles: [0, 0.5, 1] });
      expect(window?.aggregate).toMatchObject({ count: 5, sum: 110.5, min: 1.9, max: 100, avg: 22.1, last: 2.625 });
      expect(window?.aggregate.stddev).toBeCloseTo(Math.sqrt((3 * 2 ** 2 + 4 ** 2 + 100 ** 2) / 5 - 22 ** 2), 6);
      expect(window?.aggregate.quantiles.map(Math.round)).toEqual([2, 2, 100]);
    });

    it("counts what was sent before once, by producer", async () => {
      expect([...(await store.append(numbered("p", 1, [1, 2, 3]))).outcomes]).toEqual([STORED, STORED, STORED]);
      const again = await store.append(numbered("p", 2, [2, 3, 4]));
      expect([...again.outcomes]).toEqual([DUPLICATE, DUPLICATE, STORED]);
      expect(again.committedSequence).toBe(4);
      expect([...(await store.append(numbered("q", 1, [10]))).outcomes]).toEqual([STORED]);
      expect(await totalOf(store)).toEqual({ count: 5, sum: 20 });
    });

    it("takes note of how far a producer is with samples that did not get here", async () => {
      await store.append({ ...numbered("p", 1, [1]), producer: { id: "p", after: 0, upTo: 7 } });
      const next = await store.append(numbered("p", 7, [2, 3], 7));
      expect([...next.outcomes]).toEqual([DUPLICATE, STORED]);
      expect(next.committedSequence).toBe(8);
    });

    it("stores nothing of a batch that leaves something out", async () => {
      await store.append(numbered("p", 1, [1, 2]));
      await expect(store.append(numbered("p", 5, [5], 4))).rejects.toBeInstanceOf(ProducerGap);
      await expect(store.append(numbered("new", 2, [5], 1))).rejects.toBeInstanceOf(ProducerGap);
      expect(await totalOf(store)).toEqual({ count: 2, sum: 3 });
      expect((await store.append(numbered("p", 3, [3, 4, 5], 2))).committedSequence).toBe(5);
    });

    it("begins no more series than there may be, and goes on with those there are", async () => {
      const labels = Array.from({ length: MAX_SERIES + 2 }, (_, n) => ({ label: String(n) }));
      const outcomes = await outcomesOf([...labels, { label: "0" }]);
      expect(outcomes).toEqual([...labels.map((_, n) => (n < MAX_SERIES ? STORED : NO_ROOM)), STORED]);
      expect(await totalOf(store)).toMatchObject({ count: MAX_SERIES + 1 });
    });

    it("does not take a sample for a duplicate that had no room", async () => {
      const labels = Array.from({ length: MAX_SERIES + 1 }, (_, n) => ({ label: String(n), sequence: n + 1 }));
      const producer = { id: "p", after: 0, upTo: labels.length };
      await store.append(batch(labels, producer));
      expect(await outcomesOf(labels, producer)).toEqual(labels.map((_, n) => (n < MAX_SERIES ? DUPLICATE : NO_ROOM)));
    });

    it("keeps any text in labels, and names that mean something elsewhere", async () => {
      const label = "\u{1f600}\u0000\n'\"{}\\";
      await store.append(batch([{ name: "__proto__", label }, { name: "constructor" }, { name: "__proto__", label }]));
      const { series } = await store.series({ afterId: 0, maxSeries: 10 });
      expect(series).toMatchObject([
        { name: "__proto__", labels: JSON.stringify({ n: label }) },
        { name: "constructor", labels: "{}" },
      ]);
    });

    it("describes a series as its newest sample does that says something", async () => {
      await store.append(batch([{ kind: 1, unit: "ms" }]));
      await store.append(batch([{}, { unit: "s" }]));
      await store.append(batch([{}]));
      const { series } = await store.series({ name: "m", afterId: 0, maxSeries: 10 });
      expect(series).toMatchObject([{ kind: 1, unit: "s" }]);
    });

    it("lists series page by page, by name or prefix", async () => {
      await store.append(batch([{ name: "a.x" }, { name: "a.y" }, { name: "a.x", label: "1" }, { name: "b" }]));
      const page = await store.series({ namePrefix: "a.", afterId: 0, maxSeries: 2 });
      expect(page).toMatchObject({ series: [{ name: "a.x" }, { name: "a.y" }], exhausted: false });
      const afterId = page.series.at(-1)?.id ?? 0;
      expect(await store.series({ namePrefix: "a.", afterId, maxSeries: 2 })).toMatchObject({
        series: [{ name: "a.x", labels: '{"n":"1"}' }],
        exhausted: true,
      });
      expect(await idsOf(store, "a.x")).toHaveLength(2);
      expect(await idsOf(store, "a")).toHaveLength(0);
    });

    it("puts samples into windows by their moments, the end left out, group by group", async () => {
      const timesMs = [99, 100, 149, 150, 250, 299, 300];
      await store.append(batch(timesMs.flatMap((timeMs) => [{ timeMs }, { timeMs, label: "b", value: 2 }])));
      const [first = 0, second = 0] = await idsOf(store);
      const plan = { groups: [[second], [first]], startMs: 100, endMs: 300, stepMs: 50 };
      const windows = await windowsOf(store, plan);
      expect(windows.map(({ group, startMs, aggregate: { sum } }) => [group, startMs, sum])).toEqual([
        [0, 100, 4],
        [0, 150, 2],
        [0, 250, 4],
        [1, 100, 2],
        [1, 150, 1],
        [1, 250, 2],
      ]);
    });

    it("gives the newest value, of one moment the one that came last", async () => {
      await store.append(batch([{ timeMs: 20, value: 1 }]));
      await store.append(batch([{ timeMs: 20, value: 2 }]));
      await store.append(batch([{ timeMs: 10, value: 3 }]));
      expect((await windowsOf(store))[0]?.aggregate).toMatchObject({ last: 2, lastMs: 20, firstMs: 10 });
      expect(await store.lastTimes([...(await idsOf(store)), 999])).toEqual([20, undefined]);
    });

    it("aggregates as a plain computation does", async () => {
      const sample = fc.record({
        label: fc.constantFrom("a", "b", "c"),
        timeMs: fc.integer({ min: 0, max: 400 }),
        value: fc.integer({ min: -1000, max: 1000 }),
        weight: fc.integer({ min: 1, max: 3 }),
      });
      const property = fc.asyncProperty(fc.array(sample, { maxLength: 60 }), async (samples) => {
        while ((await store.sweep(1e6)) > 0);
        for (let at = 0; at < samples.length; at += 7) await store.append(batch(samples.slice(at, at + 7)));
        const expected = new Map<number, number>();
        for (const { timeMs, value, weight } of samples) {
          if (timeMs >= 350) continue;
          const startMs = Math.floor(timeMs / 100) * 100;
          expected.set(startMs, (expected.get(startMs) ?? 0) + value * weight);
        }
        const windows = await windowsOf(store, { endMs: 350, stepMs: 100 });
        const found = windows.map(({ startMs, aggregate }): [number, number] => [startMs, aggregate.sum]);
        expect(found).toEqual([...expected].sort(([a], [b]) => a - b));
      });
      await fc.assert(property, { numRuns: 30 });
    });

    it("removes old samples, series that are empty then, and producers that were not heard of", async () => {
      await store.append(batch([{ timeMs: 10, label: "old" }, { timeMs: 10 }, { timeMs: 20 }]));
      await store.append(numbered("p", 1, [1]));
      while ((await store.sweep(20)) > 0);
      expect(await totalOf(store)).toMatchObject({ count: 2 });
      expect(await idsOf(store)).toHaveLength(1);
      clock.nowMs += 1000;
      await store.append(numbered("q", 1, [1]));
      while ((await store.sweep(clock.nowMs - 500)) > 0);
      expect((await store.append(numbered("p", 1, []))).committedSequence).toBe(0);
      expect((await store.append(numbered("q", 1, []))).committedSequence).toBe(1);
    });

    it("has room for new series when old ones are gone, under numbers that nobody had", async () => {
      const labels = Array.from({ length: MAX_SERIES }, (_, n) => ({ label: String(n), timeMs: 10 }));
      const { seriesIds } = await store.append(batch(labels));
      while ((await store.sweep(20)) > 0);
      const next = await store.append(batch(labels.map((each) => ({ ...each, timeMs: 30 }))));
      expect([...next.outcomes]).toEqual(labels.map(() => STORED));
      expect(Math.min(...next.seriesIds)).toBeGreaterThan(Math.max(...seriesIds));
      expect(await totalOf(store)).toMatchObject({ count: MAX_SERIES });
    });

    it("ends an aggregation that is left", async () => {
      await store.append(batch(Array.from({ length: 2000 }, (_, n) => ({ timeMs: n }))));
      for (let n = 0; n < 40; n++) {
        const groups = [await idsOf(store)];
        const plan = { groups, startMs: 0, endMs: 2000, stepMs: 1, quantiles: [] };
        for await (const windows of store.aggregate(plan)) {
          expect(windows[0]?.startMs).toBe(0);
          break;
        }
      }
      expect(await totalOf(store)).toMatchObject({ count: 2000 });
    });

    it("goes on with what was stored when it is opened again, if it is persistent", async () => {
      await store.append(numbered("p", 1, [1, 2]));
      await store[Symbol.asyncDispose]();
      await expect(store.append(numbered("p", 3, [3]))).rejects.toMatchObject({ reason: "BACKEND_UNAVAILABLE" });
      store = await place.open(clock);
      const expected = place.persistent ? [DUPLICATE, STORED] : [STORED, STORED];
      expect([...(await store.append(numbered("p", 2, [2, 3]))).outcomes]).toEqual(expected);
      expect(await totalOf(store)).toMatchObject({ count: place.persistent ? 3 : 2 });
    });
  });
}
