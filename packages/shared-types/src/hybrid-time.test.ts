import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { compareHybridTimes, HybridClock, isSameHybridTime, MAX_HYBRID_COUNTER } from "./hybrid-time.js";

const anyTime = fc.record({
  wallMs: fc.integer({ min: 0, max: 3 }),
  counter: fc.constantFrom(0, 1, MAX_HYBRID_COUNTER),
  nodeId: fc.constantFrom("a", "b"),
});

describe("hybrid times", () => {
  it("have one order", () => {
    fc.assert(
      fc.property(anyTime, anyTime, anyTime, (a, b, c) => {
        expect(Math.sign(compareHybridTimes(a, b))).toBe(0 - Math.sign(compareHybridTimes(b, a)));
        if (compareHybridTimes(a, b) <= 0 && compareHybridTimes(b, c) <= 0) {
          expect(compareHybridTimes(a, c)).toBeLessThanOrEqual(0);
        }
        expect(isSameHybridTime(a, b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
    expect(isSameHybridTime(undefined, undefined)).toBe(false);
  });
});

describe("HybridClock", () => {
  it("reads later than before and than what it was told of, whatever the wall clock does", () => {
    const anyStep = fc.record({ wallMs: fc.integer({ min: 0, max: 5 }), told: fc.option(anyTime) });
    fc.assert(
      fc.property(fc.array(anyStep), (steps) => {
        let nowMs = 0;
        const clock = new HybridClock("n", () => nowMs);
        let latest = { wallMs: 0, counter: 0, nodeId: "" };
        for (const { wallMs, told } of steps) {
          nowMs = wallMs;
          if (told !== null) {
            clock.observe(told);
            if (compareHybridTimes(told, latest) > 0) latest = told;
          }
          const time = clock.tick();
          // A reading of another with an equal counter is told apart by the counter, not by the name.
          expect([time.wallMs, time.counter]).not.toEqual([latest.wallMs, latest.counter]);
          expect(compareHybridTimes(time, latest)).toBeGreaterThan(0);
          expect(time.counter).toBeLessThanOrEqual(MAX_HYBRID_COUNTER);
          latest = time;
        }
      }),
    );
  });

  it("is no further ahead of the wall clock than what it was told of", () => {
    const clock = new HybridClock("n", () => 1000.7);
    expect(clock.tick()).toEqual({ wallMs: 1000, counter: 0, nodeId: "n" });
    clock.observe({ wallMs: 2000, counter: 7, nodeId: "m" });
    expect(clock.tick()).toEqual({ wallMs: 2000, counter: 8, nodeId: "n" });
  });

  it("goes on where an earlier process was", () => {
    const before = new HybridClock("n", () => 1000);
    before.tick();
    const after = new HybridClock("n", () => 900, before.last);
    expect(after.tick()).toEqual({ wallMs: 1000, counter: 1, nodeId: "n" });
  });
});
