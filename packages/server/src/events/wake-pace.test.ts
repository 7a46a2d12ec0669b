import { setImmediate as turn } from "node:timers/promises";

import { describe, expect, it } from "@jest/globals";

import { ManualClock } from "../testing/manual-clock.js";

import { WakePace } from "./wake-pace.js";

/** A pace whose wakes take as long as a test says, in milliseconds. */
class Fixture implements Disposable {
  readonly clock = new ManualClock(0);
  tookMs = 0;
  wakes = 0;
  readonly pace: WakePace;

  constructor(maxRestMs = 5) {
    const wake = (): void => {
      this.wakes += 1;
      this.clock.advance(this.tookMs);
    };
    this.pace = new WakePace({ clock: this.clock, maxRestMs, wake });
  }

  [Symbol.dispose](): void {
    this.pace[Symbol.dispose]();
  }
}

describe("wakes", () => {
  it("come at once after a rest", async () => {
    using fixture = new Fixture();
    fixture.pace.request();
    expect(fixture.wakes).toBe(1);
    await turn();
    fixture.pace.request();
    expect(fixture.wakes).toBe(2);
  });

  it("come once at the end of a turn of the event loop for all that was asked for after the first", async () => {
    using fixture = new Fixture();
    for (let n = 0; n < 5; n += 1) fixture.pace.request();
    expect(fixture.wakes).toBe(1);
    await turn();
    expect(fixture.wakes).toBe(2);
    await turn();
    expect(fixture.wakes).toBe(2);
  });

  it.each([
    [3, 3],
    [50, 5],
  ])("that take %i ms are %i ms apart", async (tookMs, restMs) => {
    using fixture = new Fixture();
    fixture.tookMs = tookMs;
    fixture.pace.request();
    await turn();
    fixture.pace.request();
    fixture.pace.request();
    fixture.clock.advance(restMs - 1);
    expect(fixture.wakes).toBe(1);
    fixture.clock.advance(1);
    expect(fixture.wakes).toBe(2);
    expect(fixture.clock.timers).toBe(0);
  });

  it("come with the next turn of the event loop, however long they take, if no rest is allowed", async () => {
    using fixture = new Fixture(0);
    fixture.tookMs = 50;
    fixture.pace.request();
    fixture.pace.request();
    expect(fixture.wakes).toBe(1);
    await turn();
    expect(fixture.wakes).toBe(2);
    expect(fixture.clock.timers).toBe(0);
  });

  it("count what happens until the end of the turn: what those do who were woken", async () => {
    using fixture = new Fixture();
    fixture.pace.request();
    await Promise.resolve();
    fixture.clock.advance(4);
    await turn();
    fixture.pace.request();
    expect(fixture.wakes).toBe(1);
    fixture.clock.advance(4);
    expect(fixture.wakes).toBe(2);
  });

  it("do not wait if there is no time, and the rest begins anew", async () => {
    using fixture = new Fixture();
    fixture.tookMs = 4;
    fixture.pace.request();
    await turn();
    fixture.clock.advance(2);
    fixture.pace.now();
    expect(fixture.wakes).toBe(2);
    await turn();
    fixture.pace.request();
    fixture.clock.advance(3);
    expect(fixture.wakes).toBe(2);
    fixture.clock.advance(1);
    expect(fixture.wakes).toBe(3);
  });

  it.each([
    ["at the end of a turn", 0],
    ["after a rest", 4],
  ])("do not come %s when nobody wants them any more", async (_, tookMs) => {
    const fixture = new Fixture();
    fixture.tookMs = tookMs;
    fixture.pace.request();
    if (tookMs > 0) await turn();
    fixture.pace.request();
    fixture[Symbol.dispose]();
    await turn();
    fixture.clock.advance(100);
    expect(fixture.wakes).toBe(1);
    expect(fixture.clock.timers).toBe(0);
  });
});
