import { describe, expect, it } from "@jest/globals";

import { VirtualClock } from "./virtual-clock.js";

describe("VirtualClock", () => {
  it("runs due timers earliest first, each at its own time, and no others", async () => {
    const clock = new VirtualClock(1_000);
    const ran: [string, number][] = [];
    clock.after(30, () => ran.push(["c", clock.now()]));
    clock.after(10, () => ran.push(["a", clock.now()]));
    clock.after(20, () => ran.push(["b", clock.now()]));
    clock.after(31, () => ran.push(["late", clock.now()]));
    await clock.advance(30);
    expect(ran).toEqual([
      ["a", 1_010],
      ["b", 1_020],
      ["c", 1_030],
    ]);
    expect(clock.now()).toBe(1_030);
    expect(clock.monotonicMs()).toBe(30);
    expect(clock.pending).toBe(1);
    expect(clock.delays).toEqual([1]);
  });

  it("runs timers of the same moment in the order in which they were set", async () => {
    const clock = new VirtualClock();
    const ran: number[] = [];
    for (let n = 0; n < 5; n++) clock.after(10, () => ran.push(n));
    await clock.advance(10);
    expect(ran).toEqual([0, 1, 2, 3, 4]);
  });

  it("runs timers that a timer's consequences set within the same span", async () => {
    const clock = new VirtualClock(0);
    const ran: number[] = [];
    const first = new Promise<void>((resolve) => clock.after(10, resolve));
    void first.then(() => clock.after(10, () => ran.push(clock.now())));
    await clock.advance(25);
    expect(ran).toEqual([20]);
    expect(clock.now()).toBe(25);
  });

  it("forgets a timer that was prevented", async () => {
    const clock = new VirtualClock();
    let ran = false;
    const prevent = clock.after(5, () => (ran = true));
    prevent();
    expect(clock.pending).toBe(0);
    await clock.advance(10);
    expect(ran).toBe(false);
  });

  it("tells when timers have been set", async () => {
    const clock = new VirtualClock();
    let told = false;
    const two = clock.untilPending(2).then(() => (told = true));
    clock.after(1, () => {});
    await clock.untilPending(1);
    expect(told).toBe(false);
    clock.after(1, () => {});
    await two;
  });
});
