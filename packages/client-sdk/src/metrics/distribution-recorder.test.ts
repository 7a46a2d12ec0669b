import { describe, expect, it } from "@jest/globals";

import { DistributionRecorder } from "./distribution-recorder.js";
import { openMetrics } from "./fake-metric-server.test.support.js";

describe("DistributionRecorder", () => {
  it("gives what was added since the last time, and begins anew", () => {
    const recorder = new DistributionRecorder();
    expect(recorder.take()).toBeUndefined();
    for (const value of [1, 1, -10, 0]) recorder.add(value);
    expect(recorder.count).toBe(4);
    expect(recorder.take()).toEqual({
      count: 4,
      sum: -8,
      min: -10,
      max: 1,
      relativeAccuracy: 0.01,
      positiveBins: new Map([[0, 2]]),
      negativeBins: new Map([[116, 1]]),
      zeroCount: 1,
    });
    expect([recorder.count, recorder.take()]).toEqual([0, undefined]);
  });

  it("refuses what is no number", () => {
    expect(() => new DistributionRecorder().add(Number.NaN)).toThrow(RangeError);
  });

  it("has no more than 2048 bins of a sign, and loses no value", () => {
    const recorder = new DistributionRecorder();
    for (let n = 0; n < 5000; n++) recorder.add(10 ** (n / 20 - 125));
    const { positiveBins = new Map<number, number>() } = recorder.take() ?? {};
    expect(positiveBins.size).toBe(2048);
    expect([...positiveBins.values()].reduce((sum, count) => sum + count, 0)).toBe(5000);
  });

  it("makes samples that are sent and counted as all their values", async () => {
    await using opened = openMetrics();
    const recorder = new DistributionRecorder();
    for (const value of [1, 2, 3]) recorder.add(value);
    const distribution = recorder.take();
    if (distribution === undefined) throw new Error("nothing was recorded");
    const { stats } = await opened.metrics.send([
      { name: "a", distribution },
      { name: "a", value: 6, weight: 2 },
    ]);
    expect(stats.get("a")).toEqual({ count: 5, sum: 18, min: 1, max: 6, avg: 3.6 });
    expect(opened.server.stored[0]).toMatchObject({ kind: 4, value: 0, weight: 0, distribution: { count: 3, sum: 6 } });
    const both = { name: "a", value: 1, distribution } as never;
    await expect(opened.metrics.send([both])).rejects.toThrow("a value and a weight, or a distribution");
  });
});
