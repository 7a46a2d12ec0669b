import { expect, it } from "@jest/globals";

import type { ManualClock } from "../testing/manual-clock.js";

import type { EventLog, Retention } from "./event-log.js";
import { PositionCompacted } from "./event-log.js";
import { ALL, draft, idsOf, readAll } from "./event-log-drafts.contract.js";

/** Heads and payloads of the events of these tests, in bytes. */
const EVENT_BYTES = 100;

/** Tests of what removes events. `current` is an empty log, another one in each test. */
export function itRemoves(current: () => EventLog, clock: () => ManualClock): void {
  const append = async (stream: string, ...ids: readonly string[]): Promise<number> => {
    const head = new Uint8Array(40);
    const events = ids.map((id) => draft(id, { head, payload: "x".repeat(60), key: "k" }));
    return (await current().append({ stream, events })).events.at(-1)?.sequence ?? 0;
  };
  const trimAll = async (retention: Retention): Promise<number> => {
    for (let removed = 0; ;) {
      const some = await current().trim(retention);
      if (some === 0) return removed;
      removed += some;
    }
  };
  const ids = async (streams: readonly string[] = []): Promise<readonly string[]> => {
    const { firstSequence } = await current().range();
    return idsOf(await readAll(current(), { after: streams.length === 0 ? firstSequence - 1 : 0, streams }));
  };

  it.each<[string, Retention]>([
    ["number", { maxEvents: 3 }],
    ["size", { maxBytes: 3 * EVENT_BYTES }],
    ["age", { storedBeforeMs: 1_700_000_002_000 }],
    ["any of these", { storedBeforeMs: 0, maxEvents: 3, maxBytes: 1e9 }],
  ])("trims whole appends by %s, and says where the log begins now", async (_, retention) => {
    await append("s", "a", "b");
    clock().advance(1000);
    const last = await append("s", "c", "d");
    clock().advance(1000);
    await append("r", "e", "f", "g");
    expect(await trimAll(retention)).toBe(4);
    expect(await ids()).toEqual(["e", "f", "g"]);
    expect((await current().range()).firstSequence).toBe(last + 1);
    expect(await current().streamRange("s")).toEqual({ firstRevision: 5, lastRevision: 4 });
    expect(await trimAll(retention)).toBe(0);
  });

  it.each<[string, Retention]>([
    ["number", { maxEvents: 4 }],
    ["size", { maxBytes: 4 * EVENT_BYTES }],
    ["size, be it one byte,", { maxBytes: 3 * EVENT_BYTES + 1 }],
  ])("keeps an append whole of which only a part is beyond the %s", async (_, retention) => {
    await append("s", "a", "b");
    await append("s", "c", "d");
    await append("s", "e");
    expect(await trimAll(retention)).toBe(0);
    expect(await ids()).toEqual(["a", "b", "c", "d", "e"]);
    await append("s", "f");
    expect(await trimAll(retention)).toBe(2);
    expect(await ids()).toEqual(["c", "d", "e", "f"]);
  });

  it("neither trims nor counts streams of the server", async () => {
    await append("$server", "a", "b");
    await append("s", "c");
    await append("$server", "d");
    await append("s", "e");
    expect(await trimAll({ maxEvents: 1 })).toBe(1);
    expect(await ids()).toEqual(["e"]);
    expect(await trimAll({ storedBeforeMs: Infinity, maxEvents: 0, maxBytes: 0 })).toBe(1);
    expect(await ids()).toEqual([]);
    expect(await ids(["$*"])).toEqual(["a", "b", "d"]);
  });

  it("refuses to read from before its beginning, unless only streams of the server are asked for", async () => {
    const log = current();
    await append("$server", "a");
    await append("s", "b");
    const last = await append("s", "c");
    await append("s", "d");
    await trimAll({ maxEvents: 1 });
    for (const read of [log.read(ALL), log.read({ ...ALL, after: last - 1, backwards: true })]) {
      await expect(read).rejects.toBeInstanceOf(PositionCompacted);
      await expect(read).rejects.toMatchObject({ firstSequence: last + 1 });
    }
    await expect(log.read({ ...ALL, streams: ["$server", "s"] })).rejects.toBeInstanceOf(PositionCompacted);
    expect(idsOf((await log.read({ ...ALL, after: last })).events)).toEqual(["d"]);
    expect(idsOf((await log.read({ ...ALL, streams: ["$server"] })).events)).toEqual(["a"]);
  });

  it("goes on numbering after all was trimmed", async () => {
    const last = await append("s", "a", "b");
    await trimAll({ maxEvents: 0 });
    expect(await current().range()).toEqual({ firstSequence: last + 1, lastSequence: last });
    expect(await current().truncate("s", 2)).toBe(0);
    expect(await append("s", "a")).toBeGreaterThan(last);
    expect(await current().streamRange("s")).toEqual({ firstRevision: 3, lastRevision: 3 });
    expect(await ids()).toEqual(["a"]);
  });

  it("trims any number of events, some at a time", async () => {
    const many = Array.from({ length: 3000 }, (_, n) => String(n));
    for (let from = 0; from < many.length; from += 500) await append("s", ...many.slice(from, from + 500));
    await append("$server", "kept");
    expect(await trimAll({ maxEvents: 500 })).toBe(2500);
    expect(await ids()).toEqual(many.slice(2500));
    expect(await ids(["$server"])).toEqual(["kept"]);
  });

  it("truncates a stream up to a revision, but for its newest event, and no other stream", async () => {
    const log = current();
    await append("s", "a", "b", "c");
    await append("r", "d");
    await append("s", "e");
    expect(await log.truncate("s", 3)).toBe(3);
    expect(await ids()).toEqual(["c", "d", "e"]);
    expect(await log.truncate("s", 1)).toBe(3);
    expect(await log.truncate("s", 100)).toBe(4);
    expect(await ids()).toEqual(["d", "e"]);
    expect(await ids(["s"])).toEqual(["e"]);
    expect(await log.streamRange("s")).toEqual({ firstRevision: 4, lastRevision: 4 });
    expect(await log.truncate("none", 5)).toBe(0);
    expect(await log.range()).toMatchObject({ firstSequence: 1 });
    expect(await append("s", "a")).toBeGreaterThan(0);
    expect(await ids(["s"])).toEqual(["e", "a"]);
  });

  it("truncates streams of the server, and any number of events", async () => {
    const many = Array.from({ length: 3000 }, (_, n) => String(n));
    for (let from = 0; from < many.length; from += 500) {
      await append("$server", ...many.slice(from, from + 500));
      await append("s", `s${String(from)}`);
    }
    expect(await current().truncate("$server", 2900)).toBe(2900);
    expect(await ids(["$server"])).toEqual(many.slice(2899));
    expect(await ids()).toHaveLength(6);
  });

  it("counts what was truncated as gone", async () => {
    await append("s", "a", "b", "c", "d");
    await append("r", "e");
    await current().truncate("s", 4);
    expect(await trimAll({ maxEvents: 2 })).toBe(0);
    expect(await trimAll({ maxBytes: 2 * EVENT_BYTES })).toBe(0);
    expect(await trimAll({ maxEvents: 1 })).toBe(1);
    expect(await ids()).toEqual(["e"]);
  });

  it("has no payload left from before an event whose predecessors are gone", async () => {
    const first = await append("s", "a");
    const second = await append("s", "b");
    const third = await append("s", "c");
    await current().truncate("s", 2);
    const asked = [first, second, third].map((sequence) => ({ stream: "s", key: "k", sequence }));
    const found = await current().previousPayloads(asked);
    expect(found.map((payload) => payload !== undefined)).toEqual([false, false, true]);
  });

  it("finds the first event at or after a moment", async () => {
    const start = clock().now();
    const log = current();
    expect(await log.sequenceAt(start)).toBe(1);
    const first = await append("s", "a", "b");
    clock().advance(1000);
    await append("$server", "c");
    const third = await append("s", "d");
    clock().advance(1000);
    const last = await append("s", "e");
    expect(await log.sequenceAt(0)).toBe(1);
    expect(await log.sequenceAt(start)).toBe(1);
    expect(await log.sequenceAt(start + 1)).toBe(first + 1);
    expect(await log.sequenceAt(start + 1001)).toBe(last);
    expect(await log.sequenceAt(start + 2001)).toBe(last + 1);
    await trimAll({ maxEvents: 1 });
    expect(await log.sequenceAt(0)).toBe(third + 1);
    await trimAll({ maxEvents: 0 });
    expect(await log.sequenceAt(0)).toBe(last + 1);
  });
}
