import { describe, expect, it } from "@jest/globals";

import { MAX_TIMER_MS, systemClock } from "./system-clock.js";

describe("the system clock", () => {
  it.each([Infinity, MAX_TIMER_MS + 1])("does not take %d ms for no time at all", async (delayMs) => {
    let isOver = false;
    const stop = systemClock.after(delayMs, () => (isOver = true));
    // An overflowing timer fires after 1 ms, before this one.
    await new Promise<void>((resolve) => systemClock.after(5, resolve));
    expect(isOver).toBe(false);
    stop();
  });
});
