import { describe, expect, it } from "@jest/globals";

import { ManualClock } from "../testing/manual-clock.js";

import { RateLimiter } from "./rate-limiter.js";

const NEVER = new AbortController().signal;

describe("the rate limiter", () => {
  it("lets three seconds' worth through at once, then as many as the rate says", () => {
    const clock = new ManualClock(0);
    const limiter = new RateLimiter(clock, 2);
    const take = (): number => limiter.take("ann");
    expect(Array.from({ length: 7 }, take)).toEqual([0, 0, 0, 0, 0, 0, 500]);
    clock.advance(499);
    expect(take()).toBe(1);
    clock.advance(1);
    expect([take(), take()]).toEqual([0, 500]);
    expect(limiter.take("ben")).toBe(0);
    clock.advance(3_600_000);
    expect(Array.from({ length: 7 }, take)).toEqual([0, 0, 0, 0, 0, 0, 500]);
  });

  it("has those wait who can, in the order in which tokens come, until they are told to stop", async () => {
    const clock = new ManualClock(0);
    const limiter = new RateLimiter(clock, 1);
    for (let spent = 0; spent < 3; spent += 1) limiter.take("ann");
    const taken = limiter.untilTaken("ann", NEVER);
    clock.advance(1000);
    await taken;
    const abort = new AbortController();
    const refused = limiter.untilTaken("ann", abort.signal);
    abort.abort(new Error("gone"));
    await expect(refused).rejects.toThrow("gone");
    await expect(limiter.untilTaken("ann", abort.signal)).rejects.toThrow("gone");
    expect(clock.timers).toBe(0);
  });

  it("keeps its memory of somebody only as long as that matters", () => {
    const clock = new ManualClock(0);
    const limiter = new RateLimiter(clock, 1);
    limiter.take("ann");
    limiter.prune();
    clock.advance(500);
    limiter.prune();
    for (let spent = 0; spent < 2; spent += 1) limiter.take("ann");
    expect(limiter.take("ann")).toBe(500);
    clock.advance(10_000);
    limiter.prune();
    expect(Array.from({ length: 4 }, () => limiter.take("ann"))).toEqual([0, 0, 0, 1000]);
  });
});
