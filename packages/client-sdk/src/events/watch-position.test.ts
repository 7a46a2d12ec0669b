import { describe, expect, it } from "@jest/globals";

import { MemoryResumeStore } from "../files/resume-store.js";
import { eventually } from "../testing/eventually.js";
import { latch } from "../testing/latch.js";
import { VirtualClock } from "../testing/virtual-clock.js";
import { within } from "../testing/within.js";
import { tokenAfter } from "./fake-event-server.test.support.js";
import { openEvents, sequencesOf, take, upTo } from "./open-events.test.support.js";
import type { CaughtUpAt } from "./types.js";

describe("the position of a watch", () => {
  it("loses nothing that is published after it is ready, though its connection is cut before the first event", async () => {
    await using opened = openEvents();
    opened.server.fill(3);
    const watch = opened.events.watch();
    await watch.ready;
    expect(watch.position).toBe(tokenAfter(3));
    opened.faults.cut();
    opened.server.fill(2);
    expect(sequencesOf(await take(watch, 2))).toEqual([4, 5]);
    expect(opened.server.watches.at(-1)?.start).toEqual({ $case: "resumeToken", value: tokenAfter(3) });
  });

  it("is ready without anybody iterating, also if the first connections fail", async () => {
    let refused = 0;
    await using opened = openEvents(() => (refused++ < 3 ? { refuse: true } : undefined));
    await using watch = opened.events.watch();
    await within(watch.ready, "ready");
    expect(watch.attempts).toBe(4);
  });

  it("may be asked whether it is ready at any time", async () => {
    await using opened = openEvents();
    opened.server.fill(9);
    const watch = opened.events.watch({ from: "beginning", limit: 9 });
    const seen: number[] = [];
    for await (const { sequence } of watch) {
      await watch.ready;
      seen.push(sequence);
    }
    expect(seen).toEqual(upTo(9));
  });

  it("fails loudly if it cannot know where it began", async () => {
    await using opened = openEvents();
    opened.server.sendsHeader = false;
    opened.server.sendsCaughtUp = false;
    const watch = opened.events.watch();
    const reading = take(watch, 1);
    await watch.headers;
    opened.faults.cut();
    await expect(reading).rejects.toMatchObject({
      kind: "internal",
      message: expect.stringContaining("may be missing"),
    });
  });

  it("has as its position what the consumer has finished, not what it was given", async () => {
    await using opened = openEvents();
    opened.server.fill(5);
    const watch = opened.events.watch({ from: "beginning" });
    const events = watch[Symbol.asyncIterator]();
    await events.next();
    expect(watch.position).toBe(tokenAfter(0));
    await events.next();
    expect(watch.position).toBe(tokenAfter(1));
    await events.return?.();
    expect(watch.position).toBe(tokenAfter(1));
  });

  it("advances by what was looked at and not selected", async () => {
    await using opened = openEvents();
    opened.server.fill(4);
    const caughtUp: CaughtUpAt[] = [];
    const watch = opened.events.watch({
      from: "beginning",
      types: ["other"],
      onCaughtUp: (position) => caughtUp.push(position),
    });
    const reading = take(watch, 1);
    await eventually(() => expect(watch.position).toBe(tokenAfter(4)));
    opened.faults.cut();
    opened.server.add({ type: "other" });
    expect(sequencesOf(await reading)).toEqual([5]);
    expect(opened.server.watches.at(-1)?.start).toEqual({ $case: "resumeToken", value: tokenAfter(4) });
    expect(caughtUp[0]).toEqual({ sequence: 4, resumeToken: tokenAfter(4) });
  });

  it("does not take a heartbeat for a position before all events are finished", async () => {
    await using opened = openEvents();
    opened.server.fill(3);
    const watch = opened.events.watch({ from: "beginning", resume: { shouldResume: () => true } });
    const events = watch[Symbol.asyncIterator]();
    for (let n = 0; n < 3; n++) await events.next();
    // CaughtUp has arrived, and stands for what is not finished.
    expect(watch.position).toBe(tokenAfter(2));
    const next = events.next();
    await eventually(() => expect(watch.position).toBe(tokenAfter(3)));
    await events.return?.();
    expect((await next).done).toBe(true);
  });

  it.each([
    ["beginning", { $case: "startPosition", value: 1 }],
    ["end", { $case: "startPosition", value: 2 }],
    ["t2", { $case: "resumeToken", value: "t2" }],
    [{ sequence: 2 }, { $case: "startSequence", value: 2 }],
    [{ since: new Date(5000) }, { $case: "startTime", value: { seconds: 5, nanos: 0 } }],
  ])("begins at %j", async (from, start) => {
    await using opened = openEvents();
    opened.server.fill(3);
    await using watch = opened.events.watch({ from });
    await watch.ready;
    expect(opened.server.watches[0]?.start).toEqual(start);
  });

  it.each([
    ["COMPACTED", "t1", "out-of-range", "t4"],
    ["FUTURE_POSITION", "t99", "out-of-range", undefined],
    ["EPOCH_CHANGED", "old-t1", "failed-precondition", undefined],
  ])("says so if its position is lost: %s", async (reason, from, kind, oldestPosition) => {
    await using opened = openEvents();
    opened.server.fill(6);
    opened.server.firstSequence = 5;
    const watch = opened.events.watch({ from });
    const ready = watch.ready;
    await expect(take(watch, 1)).rejects.toMatchObject({ reason, kind, position: from });
    await expect(ready).rejects.toMatchObject({ reason });
    const end = await watch.closed;
    expect(end).toMatchObject({ type: "failed", error: { reason } });
    if (oldestPosition !== undefined) expect(end).toMatchObject({ error: { oldestPosition } });
  });

  it("says so if retention overtakes it while it is cut off", async () => {
    await using opened = openEvents();
    opened.server.fill(3);
    const watch = opened.events.watch({ from: "beginning" });
    const reading = (async () => {
      for await (const { sequence } of watch) {
        if (sequence !== 1) continue;
        opened.server.fill(10);
        opened.server.firstSequence = 9;
        opened.faults.cut();
      }
    })();
    await expect(reading).rejects.toMatchObject({ reason: "COMPACTED", oldestPosition: "t8", position: "t3" });
  });
});

describe("a watch that remembers its position", () => {
  it("goes on in a later process after the last event that was finished", async () => {
    const store = new MemoryResumeStore();
    await using opened = openEvents();
    opened.server.fill(6);
    const options = { from: "beginning", resume: { store, key: "mine" } } as const;
    expect(sequencesOf(await take(opened.events.watch(options), 3))).toEqual([1, 2, 3]);
    // The third one was given, but not finished.
    expect(sequencesOf(await take(opened.events.watch(options), 3))).toEqual([3, 4, 5]);
    expect(sequencesOf(await take(opened.events.watch({ ...options, resume: { store, key: "other" } }), 1))).toEqual([
      1,
    ]);
  });

  it("saves not more often than once a second, and at the end", async () => {
    const clock = new VirtualClock();
    const saved: string[] = [];
    const store = new MemoryResumeStore();
    const spy = {
      get: (key: string) => store.get(key),
      set: async (key: string, value: string) => {
        saved.push(value);
        await store.set(key, value);
      },
      delete: (key: string) => store.delete(key),
    };
    await using opened = openEvents({}, clock);
    opened.server.fill(9);
    const watch = opened.events.watch({ from: "beginning", resume: { store: spy, key: "k" } });
    const events = watch[Symbol.asyncIterator]();
    for (let n = 0; n < 5; n++) await events.next();
    await eventually(() => expect(saved).toEqual([tokenAfter(1)]));
    await clock.advance(1000);
    expect(saved).toEqual([tokenAfter(1), tokenAfter(4)]);
    for (let n = 0; n < 3; n++) await events.next();
    await events.return?.();
    expect(saved).toEqual([tokenAfter(1), tokenAfter(4), tokenAfter(7)]);
    expect(clock.pending).toBe(0);
  });

  it("fails with what the store throws", async () => {
    await using opened = openEvents();
    opened.server.fill(3);
    const broken = latch();
    const store = {
      get: () => Promise.resolve(undefined),
      set: () => {
        broken.open();
        return Promise.reject(new Error("disk full"));
      },
      delete: () => Promise.resolve(),
    };
    const watch = opened.events.watch({ from: "beginning", resume: { store, key: "k" } });
    const reading = (async () => {
      for await (const { sequence } of watch) {
        if (sequence > 1) await broken.promise;
      }
    })();
    await expect(reading).rejects.toThrow("disk full");
    const unreadable = { ...store, get: () => Promise.reject(new Error("no access")) };
    await expect(take(opened.events.watch({ resume: { store: unreadable, key: "k" } }), 1)).rejects.toThrow(
      "no access",
    );
  });

  it("says so if the stored position is lost", async () => {
    const store = new MemoryResumeStore();
    await using opened = openEvents();
    opened.server.fill(9);
    const resume = { store, key: "k" };
    await take(opened.events.watch({ from: "beginning", resume }), 2);
    opened.server.firstSequence = 5;
    await expect(take(opened.events.watch({ from: "beginning", resume }), 1)).rejects.toMatchObject({
      reason: "COMPACTED",
    });
  });
});
