import { describe, expect, it } from "@jest/globals";

import { MemoryEventLog } from "../adapters/memory/memory-event-log.js";

import { openEventFeed } from "./event-feed.js";
import { logWith } from "./events-fixture.test.support.js";
import {
  append,
  caughtUp,
  filterOf,
  LARGE,
  openFeedFixture,
  positionsOf,
  selecting,
  sequences,
} from "./feed-fixture.test.support.js";
import type { FeedCursor, FeedRun, Selection } from "./feed.js";

const never = new AbortController().signal;
const SHARED = { ...LARGE, sharesRuns: true };

/** The next run of each cursor, such as others have, too. */
function nextOf(cursors: readonly FeedCursor[]): Promise<FeedRun[]> {
  return Promise.all(cursors.map(async (cursor) => cursor.next(SHARED)));
}

/** Whether a cursor's wait is over by now. */
async function isWoken(waiting: Promise<void>): Promise<boolean> {
  const pending = Symbol("pending");
  await Promise.resolve();
  return (await Promise.race([waiting, Promise.resolve(pending)])) !== pending;
}

describe("a cursor", () => {
  it("at the end waits for what is stored after it was opened, and gets it from memory", async () => {
    await using fixture = await openFeedFixture();
    await append(fixture.log, "s", {}, {});
    using cursor = fixture.feed.open(selecting(), fixture.feed.lastSequence);
    const waiting = cursor.untilMatch(never);
    expect(await isWoken(waiting)).toBe(false);
    await append(fixture.log, "s", {});
    await waiting;
    expect(await cursor.next(LARGE)).toMatchObject({ position: 3, caughtUp: true, events: [{ log: { sequence: 3 } }] });
    expect(fixture.reads).toEqual([]);
  });

  it("near the end begins in memory, even if nobody has asked for its selection before", async () => {
    await using fixture = await openFeedFixture();
    for (let i = 0; i < 10; i += 1) await append(fixture.log, i % 2 === 0 ? "a" : "b", {});
    using cursor = fixture.feed.open(selecting({ streams: ["a"] }), 4);
    expect(sequences(await cursor.next(LARGE))).toEqual([5, 7, 9]);
    expect(fixture.reads).toEqual([]);
  });

  it("far from the end reads from storage, a bounded run at a time, and goes over to memory", async () => {
    const log = new MemoryEventLog();
    for (let i = 0; i < 20; i += 1) await append(log, "s", {});
    await using feed = await openEventFeed({ log, positions: positionsOf(log), tailBytes: 1024 * 1024 });
    using cursor = feed.open(selecting(), 0);
    await append(log, "s", {});
    expect(cursor.isInMemory).toBe(false);
    const limits = { maxEvents: 8, maxBytes: 1e6 };
    expect(sequences(await cursor.next(limits))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(sequences(await caughtUp(cursor, limits))).toEqual([9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21]);
    await append(log, "s", {});
    expect(cursor.isInMemory).toBe(true);
    expect(sequences(await cursor.next(limits))).toEqual([22]);
  });

  it("never splits an append over runs", async () => {
    await using fixture = await openFeedFixture();
    using live = fixture.feed.open(selecting(), 0);
    await append(fixture.log, "s", {}, {}, {});
    await append(fixture.log, "s", {}, {});
    for (const cursor of [live, fixture.feed.open(selecting({ types: ["*"] }), 0)]) {
      expect(sequences(await cursor.next({ maxEvents: 1, maxBytes: 1e6 }))).toEqual([1, 2, 3]);
      expect(sequences(await cursor.next({ maxEvents: 100, maxBytes: 1 }))).toEqual([4, 5]);
    }
  });

  it("is given the same runs as others are, after the first, wherever each of them has stopped", async () => {
    await using fixture = await openFeedFixture();
    const cursors = [0, 1, 2, 3].map((after) => fixture.feed.open(selecting(), after));
    for (let i = 0; i < 1000; i += 1) await append(fixture.log, "s", {}, {});
    const firstRuns = await nextOf(cursors);
    expect(firstRuns.map(({ events: [event] }) => event?.log.sequence)).toEqual([1, 2, 3, 4]);
    for (;;) {
      const [run, ...others] = await nextOf(cursors);
      for (const other of others) expect(other.events).toBe(run?.events);
      if (run?.caughtUp !== false) break;
    }
    expect(cursors.map(({ position }) => position)).toEqual([2000, 2000, 2000, 2000]);
    for (const cursor of cursors) cursor[Symbol.dispose]();
  });

  it.each([1, 10, 20, 25, 30])(
    "goes over to memory though nothing was queued while nobody read there (%i events later)",
    async (later) => {
      await using fixture = await openFeedFixture({ tailBytes: 300_000 });
      using cursor = fixture.feed.open(selecting(), 0);
      const got: number[] = [];
      for (const count of [50 + later, later, 60, 10]) {
        for (let i = 0; i < count; i += 1) await append(fixture.log, "s", { payload: Buffer.alloc(10_000) });
        got.push(...sequences(await caughtUp(cursor, SHARED)));
      }
      expect(got).toEqual(Array.from({ length: 120 + 2 * later }, (_, index) => index + 1));
      expect(cursor.isInMemory).toBe(true);
    },
  );

  it("gets the rest of an append in whose middle somebody else has begun", async () => {
    await using fixture = await openFeedFixture();
    await append(fixture.log, "s", {}, {});
    await append(fixture.log, "s", {}, {}, {});
    using other = fixture.feed.open(selecting(), 3);
    await other.next(SHARED);
    using cursor = fixture.feed.open(selecting(), 0);
    await append(fixture.log, "s", {});
    expect(sequences(await caughtUp(cursor, SHARED))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(fixture.reads).toEqual([]);
  });

  it("moves on while nothing matches, without looking, and is not behind when what it skipped has left memory", async () => {
    await using fixture = await openFeedFixture({ tailBytes: 10_000 });
    using rare = fixture.feed.open(selecting({ types: ["rare"] }), 0);
    using all = fixture.feed.open(selecting(), 0);
    for (let i = 0; i < 100; i += 1) await append(fixture.log, "s", {});
    expect(rare.position).toBe(100);
    expect(rare.isInMemory).toBe(true);
    expect(all.position).toBe(0);
    expect(all.isInMemory).toBe(false);
    await append(fixture.log, "s", { type: "rare" });
    expect(rare.position).toBe(100);
    expect(sequences(await rare.next(LARGE))).toEqual([101]);
    expect(fixture.reads).toEqual([]);
    expect(sequences(await caughtUp(all))).toHaveLength(101);
  });

  it("that waits knows how far it has got, though the event that woke it has left memory", async () => {
    await using fixture = await openFeedFixture({ tailBytes: 1 });
    using cursor = fixture.feed.open(selecting({ types: ["rare"] }), 0);
    const waiting = cursor.untilMatch();
    for (let i = 0; i < 100; i += 1) await append(fixture.log, "s", {});
    await append(fixture.log, "s", { type: "rare" });
    await waiting;
    expect(sequences(await cursor.next(LARGE))).toEqual([101]);
    expect(fixture.reads).toMatchObject([{ after: 100, until: 101 }]);
  });

  it("can be woken by somebody else, which ends its wait and nothing more", async () => {
    await using fixture = await openFeedFixture();
    using cursor = fixture.feed.open(selecting(), 0);
    const waiting = cursor.untilMatch();
    cursor.wake();
    await waiting;
    expect(await isWoken(cursor.untilMatch())).toBe(false);
  });

  it.each([8_000, 9_500, 11_000, 12_500])(
    "goes on at the beginning of a publication when it skips to what is in memory (%i bytes)",
    async (tailBytes) => {
      await using fixture = await openFeedFixture({ tailBytes });
      using cursor = fixture.feed.open(selecting(), 0);
      for (let i = 0; i < 20; i += 1) await append(fixture.log, "s", {}, {}, {});
      expect(cursor.skipToMemory().toSequence % 3).toBe(0);
    },
  );

  it("with a filter skips to what is nearer to the end, if there is much in memory, and to the beginning of a publication", async () => {
    await using fixture = await openFeedFixture({ tailBytes: 6_000_000 });
    const filter = filterOf("all", () => true);
    using cursor = fixture.feed.open(selecting({ filter }), 0);
    for (let i = 0; i < 1700; i += 1) await append(fixture.log, "s", {}, {}, {});
    expect(cursor.isInMemory).toBe(false);
    const skipped = cursor.skipToMemory();
    const rest = sequences(await caughtUp(cursor));
    expect(rest).toEqual(Array.from({ length: 1023 }, (_, index) => 5100 - 1022 + index));
    expect(skipped).toEqual({ fromSequence: 1, toSequence: 5100 - 1023, count: 5100 - 1023 });
    expect(fixture.reads).toEqual([]);
  });

  it("can go on with what is in memory, and says how many it left out", async () => {
    await using fixture = await openFeedFixture({ tailBytes: 10_000 });
    using cursor = fixture.feed.open(selecting({ types: ["t"] }), 0);
    for (let i = 0; i < 30; i += 1) await append(fixture.log, "s", {}, { type: "other" });
    const skipped = cursor.skipToMemory();
    const rest = sequences(await caughtUp(cursor));
    expect(skipped).toEqual({ fromSequence: 1, toSequence: (rest[0] ?? 0) - 2, count: 30 - rest.length });
    expect(rest.length).toBeGreaterThan(1);
    expect(rest.at(-1)).toBe(59);
  });
});

describe("a feed", () => {
  it("wakes only those whose selection an event matches, and asks the filters of no others", async () => {
    await using fixture = await openFeedFixture();
    const big = filterOf("big", ({ payload }) => payload.length > 3);
    const selections: Record<string, Selection> = {
      all: selecting(),
      order: selecting({ types: ["order.*"] }),
      created: selecting({ types: ["order.created"] }),
      bigCreated: selecting({ types: ["order.created"], filter: big }),
      bigInX: selecting({ streams: ["x"], filter: { ...big } }),
      chat: selecting({ streams: ["$chat/1"] }),
    };
    const woken = async (append: () => Promise<unknown>): Promise<string[]> => {
      const cursors = Object.entries(selections).map(
        ([name, selection]) => [name, fixture.feed.open(selection, fixture.feed.lastSequence)] as const,
      );
      const waits = cursors.map(([, cursor]) => cursor.untilMatch(never).catch(() => {}));
      await append();
      await Promise.race(waits); // those who are woken are woken together
      const states = await Promise.all(waits.map(isWoken));
      for (const [, cursor] of cursors) cursor[Symbol.dispose]();
      return cursors.filter((_, index) => states[index]).map(([name]) => name);
    };
    expect(await woken(() => append(fixture.log, "s", { type: "user.created" }))).toEqual(["all"]);
    expect(await woken(() => append(fixture.log, "s", { type: "order.paid" }))).toEqual(["all", "order"]);
    expect(await woken(() => append(fixture.log, "$chat/1", { type: "text" }))).toEqual(["chat"]);
    expect(big.seen).toEqual([]);
    expect(
      await woken(() => append(fixture.log, "x", { id: "b", type: "order.created", payload: Buffer.from("1234") })),
    ).toEqual(["all", "order", "created", "bigCreated", "bigInX"]);
    expect(big.seen).toEqual(["b"]);
    expect(await woken(() => append(fixture.log, "x", { id: "c", type: "order.created" }))).toEqual([
      "all",
      "order",
      "created",
    ]);
    expect(big.seen).toEqual(["b", "c"]);
  });

  it("makes each form of an event once for all readers", async () => {
    await using fixture = await openFeedFixture();
    using one = fixture.feed.open(selecting(), 0);
    using other = fixture.feed.open(selecting({ types: ["t"] }), 0);
    await append(fixture.log, "s", {});
    const [a, b] = [(await one.next(LARGE)).events[0], (await other.next(LARGE)).events[0]];
    expect(a?.bytes).toBe(b?.bytes);
    expect(a?.message).toBe(b?.message);
    expect(a?.bytes).toBe(a?.bytes);
  });

  it("resolves a wait for a sequence though nothing matches", async () => {
    await using fixture = await openFeedFixture();
    using cursor = fixture.feed.open(selecting({ types: ["none"] }), 0);
    const waiting = cursor.untilMatch(never, 2);
    await append(fixture.log, "s", {});
    expect(await isWoken(waiting)).toBe(false);
    await append(fixture.log, "s", {});
    await waiting;
    expect(cursor.position).toBe(2);
  });

  it("forgets the sequence that a wait was for when something else has ended it", async () => {
    await using fixture = await openFeedFixture();
    using cursor = fixture.feed.open(selecting({ types: ["rare"] }), 0);
    const first = cursor.untilMatch(never, 3);
    await append(fixture.log, "s", { type: "rare" });
    await first;
    await cursor.next(LARGE);
    const second = cursor.untilMatch(never);
    for (let i = 0; i < 3; i += 1) await append(fixture.log, "s", {});
    expect(await isWoken(second)).toBe(false);
    cursor.wake();
  });

  it("fails those who wait, and who read later, when it is closed", async () => {
    const fixture = await openFeedFixture();
    using cursor = fixture.feed.open(selecting(), 0);
    const waiting = cursor.untilMatch(never);
    await Promise.all([expect(waiting).rejects.toMatchObject({ reason: "DRAINING" }), fixture[Symbol.asyncDispose]()]);
    await expect(async () => cursor.next(LARGE)).rejects.toMatchObject({ reason: "DRAINING" });
    await expect(cursor.untilMatch(never)).rejects.toMatchObject({ reason: "DRAINING" });
    expect(() => fixture.feed.open(selecting(), 0)).toThrow("shutting down");
  });

  it("lets reads under way end before it is closed", async () => {
    const log = new MemoryEventLog();
    for (let i = 0; i < 3; i += 1) await append(log, "s", {});
    let release = (): void => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const slow = logWith(log, {
      read: async (options) => {
        await held;
        return log.read(options);
      },
    });
    const feed = await openEventFeed({ log: slow, positions: positionsOf(log), tailBytes: 1 });
    using cursor = feed.open(selecting(), 0);
    const reading = cursor.next(LARGE);
    let isClosed = false;
    const closing = feed[Symbol.asyncDispose]().then(() => (isClosed = true));
    await Promise.resolve();
    expect(isClosed).toBe(false);
    release();
    await Promise.all([closing, expect(reading).rejects.toMatchObject({ reason: "DRAINING" })]);
  });

  it("rejects a wait with the signal's reason, and leaves no listener", async () => {
    await using fixture = await openFeedFixture();
    using cursor = fixture.feed.open(selecting(), 0);
    const abort = new AbortController();
    const waiting = cursor.untilMatch(abort.signal);
    abort.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await expect(cursor.untilMatch(abort.signal)).rejects.toThrow("enough");
    await append(fixture.log, "s", {});
    await cursor.untilMatch(never);
  });
});
