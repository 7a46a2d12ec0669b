import { describe, expect, test } from "@jest/globals";

import { ManualClock } from "../testing/manual-clock.js";
import { Watchdog } from "./watchdog.js";

function watched(timeoutMs: number): { clock: ManualClock; watchdog: Watchdog; barks: () => number } {
  const clock = new ManualClock();
  let barks = 0;
  return { clock, watchdog: new Watchdog(clock, timeoutMs, () => barks++), barks: () => barks };
}

describe("Watchdog", () => {
  test("calls once when nothing happens for the whole time", () => {
    const { clock, watchdog, barks } = watched(100);
    watchdog.start();
    clock.advance(99);
    expect(barks()).toBe(0);
    clock.advance(1);
    clock.advance(1_000);
    expect(barks()).toBe(1);
  });

  test("each touch begins the time anew, with one timer", () => {
    const { clock, watchdog, barks } = watched(100);
    watchdog.start();
    for (let n = 0; n < 10; n++) {
      clock.advance(60);
      watchdog.touch();
      expect(clock.timers).toBe(1);
    }
    expect(barks()).toBe(0);
    clock.advance(100);
    expect(barks()).toBe(1);
  });

  test("does not measure while it is stopped", () => {
    const { clock, watchdog, barks } = watched(100);
    watchdog.start();
    clock.advance(50);
    watchdog.stop();
    clock.advance(1_000);
    watchdog.start();
    clock.advance(99);
    expect(barks()).toBe(0);
    clock.advance(1);
    expect(barks()).toBe(1);
  });

  test("0 turns it off, and closing gives back the timer", () => {
    const off = watched(0);
    off.watchdog.start();
    expect(off.clock.timers).toBe(0);
    const on = watched(100);
    on.watchdog.start();
    on.watchdog.close();
    expect(on.clock.timers).toBe(0);
  });
});
