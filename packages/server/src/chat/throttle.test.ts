import { describe, expect, it } from "@jest/globals";

import { ManualClock } from "../testing/manual-clock.js";

import { Throttle } from "./throttle.js";

function throttled(): { readonly clock: ManualClock; readonly throttle: Throttle<number>; readonly passed: string[] } {
  const clock = new ManualClock(0);
  const passed: string[] = [];
  const throttle = new Throttle<number>(clock, 1000, (key, value) =>
    passed.push(`${String(clock.now())} ${key}${String(value)}`),
  );
  return { clock, throttle, passed };
}

describe("the throttle", () => {
  it("passes the first on at once, and then the newest of each period", () => {
    const { clock, throttle, passed } = throttled();
    for (const value of [1, 2, 3]) throttle.offer("a", value);
    throttle.offer("b", 1);
    clock.advance(999);
    throttle.offer("a", 4);
    clock.advance(1);
    throttle.offer("a", 5);
    clock.advance(5000);
    throttle.offer("a", 6);
    expect(passed).toEqual(["0 a1", "0 b1", "1000 a4", "2000 a5", "6000 a6"]);
  });

  it("passes on what it holds when it is flushed, and then holds nothing", () => {
    const { clock, throttle, passed } = throttled();
    for (const key of ["a", "b", "c"]) throttle.offer(key, 1);
    for (const key of ["a", "b"]) throttle.offer(key, 2);
    throttle.flush("a");
    throttle.flush("a");
    throttle.flushAll();
    expect(passed).toEqual(["0 a1", "0 b1", "0 c1", "0 a2", "0 b2"]);
    expect(clock.timers).toBe(0);
  });
});
