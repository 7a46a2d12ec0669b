import { describe, expect, it } from "@jest/globals";
import { ServiceError } from "@millrace/shared-types";

import { latch } from "../testing/latch.js";
import { VirtualClock } from "../testing/virtual-clock.js";
import { within } from "../testing/within.js";
import { openMetrics } from "./fake-metric-server.test.support.js";

describe("a metrics reporter", () => {
  it("sends what was recorded, each sample once and with the labels of all, when it is flushed", async () => {
    await using opened = openMetrics();
    await using reporter = opened.metrics.reporter({ labels: { host: "a" } });
    expect(reporter.record("m", 1, { path: "/" }, { unit: "ms", kind: "gauge" })).toBe(true);
    reporter.record("m", Number.NaN);
    await reporter.flush();
    reporter.record("n", 2);
    await reporter.flush();
    expect(opened.server.stored).toMatchObject([
      {
        name: "m",
        value: 1,
        labels: new Map([
          ["host", "a"],
          ["path", "/"],
        ]),
        unit: "ms",
        sequence: 1,
      },
      { name: "n", value: 2, labels: new Map([["host", "a"]]), sequence: 3 },
    ]);
    expect(opened.server.stored[0]?.timestamp).toBeDefined();
    const { stored, rejected, dropped, queued } = reporter;
    expect({ stored, rejected, dropped, queued }).toEqual({ stored: 2, rejected: 1, dropped: 0, queued: 0 });
  });

  it("sends by itself once the interval is over", async () => {
    const clock = new VirtualClock();
    await using opened = openMetrics({}, clock);
    const arrived = latch();
    opened.server.beforeWork = async () => arrived.open();
    const reporter = opened.metrics.reporter({ flushIntervalMs: 5000 });
    reporter.record("m", 1);
    reporter.record("m", 2);
    await clock.advance(4999);
    expect(opened.server.requests).toHaveLength(0);
    await clock.advance(1);
    await within(arrived.promise, "the samples");
    await reporter.flush();
    expect(reporter.stored).toBe(2);
  });

  it.each([
    ["drop-oldest", [3, 4]],
    ["drop-newest", [1, 2]],
  ] as const)("holds no more than it may, and counts what it drops: %s", async (onFull, kept) => {
    await using opened = openMetrics();
    const reporter = opened.metrics.reporter({ maxQueuedSamples: 2, onFull });
    const taken = [1, 2, 3, 4].map((value) => reporter.record("m", value));
    expect(taken).toEqual([true, true, onFull === "drop-oldest", onFull === "drop-oldest"]);
    expect([reporter.queued, reporter.dropped]).toEqual([2, 2]);
    await reporter.flush();
    expect(opened.server.stored.map(({ value }) => value)).toEqual(kept);
    expect([reporter.queued, reporter.dropped, reporter.stored]).toEqual([0, 2, 2]);
  });

  it("counts bytes too, and those on their way: nothing grows while the server is away", async () => {
    await using opened = openMetrics();
    const gate = latch();
    opened.server.beforeWork = () => gate.promise;
    const reporter = opened.metrics.reporter({ maxQueuedBytes: 1000 });
    for (let n = 0; n < 10; n++) reporter.record("m", n);
    const flushing = reporter.flush();
    for (let n = 10; n < 500; n++) reporter.record("m", n);
    expect(reporter.queued).toBeLessThanOrEqual(20);
    expect(reporter.record("x".repeat(2000), 1)).toBe(false);
    const held = reporter.queued;
    gate.open();
    await flushing;
    await reporter.flush();
    expect(reporter.stored).toBe(held);
    expect(reporter.stored + reporter.dropped).toBe(501);
    expect(opened.server.stored.slice(0, 10).map(({ value }) => value)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(opened.server.stored.at(-1)?.value).toBe(499);
  });

  it("tells who flushes of a failure, and counts what is not known to be stored as dropped", async () => {
    await using opened = openMetrics();
    opened.server.beforeWork = () => Promise.reject(new ServiceError("QUOTA_EXCEEDED", "the disk is full"));
    const reporter = opened.metrics.reporter();
    reporter.record("m", 1);
    await expect(reporter.flush()).rejects.toMatchObject({ reason: "QUOTA_EXCEEDED" });
    expect([reporter.dropped, reporter.queued]).toEqual([1, 0]);
    opened.server.beforeWork = () => Promise.resolve();
    reporter.record("m", 2);
    await reporter.flush();
    expect(opened.server.stored.map(({ value }) => value)).toEqual([2]);
  });

  it("tells `onError` of a failure in the background", async () => {
    const clock = new VirtualClock();
    await using opened = openMetrics({}, clock);
    const failed = latch();
    opened.server.beforeWork = () => Promise.reject(new ServiceError("QUOTA_EXCEEDED", "the disk is full"));
    const errors: unknown[] = [];
    const reporter = opened.metrics.reporter({
      onError(error) {
        errors.push(error);
        failed.open();
      },
    });
    reporter.record("m", 1);
    await clock.advance(1000);
    await within(failed.promise, "the failure");
    expect(errors).toMatchObject([{ reason: "QUOTA_EXCEEDED" }]);
    expect(reporter.dropped).toBe(1);
  });

  it("flushes when it is disposed of, and takes nothing after that", async () => {
    await using opened = openMetrics(({ index }) => (index === 0 ? { dropAck: true } : undefined));
    const reporter = opened.metrics.reporter();
    reporter.record("m", 1);
    await reporter[Symbol.asyncDispose]();
    expect(reporter.record("m", 2)).toBe(false);
    await expect(reporter.flush()).rejects.toThrow("closed");
    expect([reporter.stored, reporter.dropped]).toEqual([1, 1]);
    expect(opened.server.stored).toHaveLength(1);
  });

  it("gives up when it is disposed of and the server is away for too long", async () => {
    const clock = new VirtualClock();
    await using opened = openMetrics({ refuse: true }, clock);
    const reporter = opened.metrics.reporter({ closeTimeoutMs: 300 });
    for (let n = 0; n < 5; n++) reporter.record("m", n);
    let isOver = false;
    const closing = reporter[Symbol.asyncDispose]().then(() => (isOver = true));
    for (let ms = 0; !isOver && ms < 10_000; ms += 100) await clock.advance(100);
    await within(closing, "the end");
    expect([reporter.stored, reporter.dropped, reporter.queued]).toEqual([0, 5, 0]);
  });

  it("refuses samples and options that are none", async () => {
    await using opened = openMetrics();
    expect(() => opened.metrics.reporter({ onFull: "block" as never })).toThrow('not "drop-oldest" or "drop-newest"');
    const reporter = opened.metrics.reporter();
    expect(() => reporter.record("m", 1, {}, { untis: "ms" } as never)).toThrow("a sample has no 'untis'");
  });
});
