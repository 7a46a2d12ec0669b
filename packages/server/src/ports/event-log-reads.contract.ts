import { expect, it } from "@jest/globals";
import fc from "fast-check";

import { systemClock } from "./clock.js";
import type { EventLogPlace } from "./event-log.contract.js";
import type { EventLog, LogEvent, ReadOptions } from "./event-log.js";
import { ALL, draft, idsOf, readAll, readRuns } from "./event-log-drafts.contract.js";

/** What one step of a random history does. */
type Step =
  | { readonly append: string; readonly events: readonly Parameters<typeof draft>[1][] }
  | { readonly truncate: string; readonly beforeRevision: number };

const names = ["a", "ab", "a.b", "b", "$a", "$b"];
const types = ["t", "t.a", "t.b", "u", "tu"];
const patterns = (of: readonly string[]): fc.Arbitrary<string[]> =>
  fc.uniqueArray(fc.constantFrom(...of, "*", "t*", "t.*", "a*", "$*", "none", "none*", "b"), { maxLength: 3 });

const steps = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        append: fc.constantFrom(...names),
        events: fc.array(
          fc.record({
            type: fc.constantFrom(...types),
            key: fc.constantFrom("", "", "k", "l"),
            tombstone: fc.boolean(),
            payload: fc.string({ maxLength: 40 }),
          }),
          { minLength: 1, maxLength: 6 },
        ),
      }),
    },
    { weight: 1, arbitrary: fc.record({ truncate: fc.constantFrom(...names), beforeRevision: fc.nat({ max: 12 }) }) },
  ),
  { minLength: 1, maxLength: 40 },
);

const reads = fc.array(
  fc.record({
    after: fc.nat({ max: 90 }),
    until: fc.option(fc.nat({ max: 90 }), { nil: undefined }),
    backwards: fc.boolean(),
    newestOfKey: fc.boolean(),
    types: patterns(types),
    streams: patterns(names),
    maxEvents: fc.integer({ min: 1, max: 8 }),
    maxBytes: fc.integer({ min: 1, max: 200 }),
  }),
  { minLength: 30, maxLength: 30 },
);

/** Does what the steps say; the events that are left. */
async function live(log: EventLog, history: readonly Step[]): Promise<readonly LogEvent[]> {
  let left: LogEvent[] = [];
  using _ = await log.follow((events) => void left.push(...events));
  for (const [index, step] of history.entries()) {
    if ("append" in step) {
      const events = step.events.map((fields, at) => draft(`${String(index)}/${String(at)}`, fields));
      await log.append({ stream: step.append, events });
    } else {
      await log.truncate(step.truncate, step.beforeRevision);
      const newest = left.findLast(({ stream }) => stream === step.truncate)?.revision ?? 0;
      const before = Math.min(step.beforeRevision, newest);
      left = left.filter(({ stream, revision }) => stream !== step.truncate || revision >= before);
    }
  }
  return left;
}

function means(pattern: string, name: string): boolean {
  if (!pattern.endsWith("*")) return pattern === name;
  return name.startsWith(pattern.slice(0, -1)) && (pattern !== "*" || !name.startsWith("$"));
}

/** What a read of any kind should give, told as simply as can be. */
function wanted(all: readonly LogEvent[], options: Omit<ReadOptions, "maxEvents" | "maxBytes">): readonly LogEvent[] {
  const { after, until = Infinity, backwards, newestOfKey, types: ofTypes = [], streams = [] } = options;
  const within = all.filter(({ sequence }) => sequence > after && sequence <= until);
  const found = within.filter((event) => {
    if (ofTypes.length > 0 && !ofTypes.some((type) => type === "*" || means(type, event.type))) return false;
    if (!(streams.length === 0 ? ["*"] : streams).some((stream) => means(stream, event.stream))) return false;
    if (newestOfKey !== true) return true;
    const ofKey = within.filter(({ stream, key }) => stream === event.stream && key === event.key);
    return event.key !== "" && !event.tombstone && ofKey.at(-1) === event;
  });
  return backwards === true ? found.toReversed() : found;
}

function bytesOf(events: readonly LogEvent[]): number {
  return events.reduce((sum, { head, payload }) => sum + head.length + payload.length, 0);
}

/** Tests of what reads find. `current` is an empty log, another one in each test. */
export function itReads(current: () => EventLog, makePlace: () => Promise<EventLogPlace>): void {
  it("reads what is asked for, in order, whatever the limits: whole appends, within the limits unless it is one", async () => {
    await fc.assert(
      fc.asyncProperty(steps, reads, async (history, plans) => {
        await using place = await makePlace();
        await using log = await place.open(systemClock);
        const left = await live(log, history);
        const { lastSequence } = await log.range();
        for (const { until, ...rest } of plans) {
          const plan = { ...rest, newestOfKey: rest.newestOfKey && !rest.backwards };
          const needsUntil = until !== undefined || plan.newestOfKey;
          const options = { ...plan, ...(needsUntil && { until: until ?? lastSequence }) };
          const runs = await readRuns(log, options);
          expect(runs.flat()).toEqual(wanted(left, options));
          for (const [index, run] of runs.entries()) {
            const appends = new Set(run.map(({ appendEnd }) => appendEnd));
            if (appends.size > 1) expect(run.length).toBeLessThanOrEqual(plan.maxEvents);
            if (appends.size > 1) expect(bytesOf(run)).toBeLessThanOrEqual(plan.maxBytes);
            for (const later of runs.slice(index + 1)) {
              expect(later.filter(({ appendEnd }) => appends.has(appendEnd))).toEqual([]);
            }
          }
        }
      }),
      { numRuns: 12 },
    );
  });

  it("hides streams of the server from those who do not name them", async () => {
    const log = current();
    await log.append({ stream: "$server", events: [draft("hidden")] });
    await log.append({ stream: "open", events: [draft("seen")] });
    expect(idsOf(await readAll(log))).toEqual(["seen"]);
    expect(idsOf(await readAll(log, { streams: ["*"] }))).toEqual(["seen"]);
    expect(idsOf(await readAll(log, { streams: ["*", "$server"] }))).toEqual(["hidden", "seen"]);
    expect(idsOf(await readAll(log, { streams: ["$*"] }))).toEqual(["hidden"]);
  });

  it("finds a rare event behind many that nobody asked for, and says how far it has looked", async () => {
    const log = current();
    await log.append({ stream: "s", events: [draft("first", { type: "rare" })] });
    for (let append = 0; append < 25; append += 1) {
      const events = Array.from({ length: 1000 }, (_, at) => draft(`${String(append)}/${String(at)}`, { payload: "" }));
      await log.append({ stream: append % 2 === 0 ? "even" : "odd", events });
    }
    await log.append({ stream: "s", events: [draft("last", { type: "rare" })] });
    expect(idsOf(await readAll(log, { types: ["rare"] }))).toEqual(["first", "last"]);
    expect(idsOf(await readAll(log, { types: ["ra*"], backwards: true }))).toEqual(["last", "first"]);
    expect(idsOf(await readAll(log, { streams: ["even", "s"], types: ["rare"] }))).toEqual(["first", "last"]);
    expect(await readAll(log, { streams: ["even"], types: ["rare"] })).toEqual([]);
    expect(await readAll(log, { until: 25_002, newestOfKey: true })).toEqual([]);
    expect(await readAll(log, { types: ["*"] })).toHaveLength(25_002);
    const found = await log.read({ ...ALL, types: ["rare"], after: 1 });
    expect(found.scannedTo).toBeGreaterThan(1);
  });

  it("returns an append that is larger than the limits, alone", async () => {
    const log = current();
    await log.append({ stream: "s", events: [draft("a")] });
    await log.append({ stream: "s", events: ["b", "c", "d"].map((id) => draft(id, { payload: "x".repeat(1000) })) });
    await log.append({ stream: "s", events: [draft("e")] });
    const limits = { maxEvents: 2, maxBytes: 100 };
    expect((await readRuns(log, limits)).map(idsOf)).toEqual([["a"], ["b", "c", "d"], ["e"]]);
    const backwards = (await readRuns(log, { ...limits, backwards: true })).map(idsOf);
    expect(backwards).toEqual([["e"], ["d", "c", "b"], ["a"]]);
  });

  it("begins and ends within an append where the reader says so", async () => {
    const log = current();
    await log.append({ stream: "s", events: ["a", "b", "c", "d"].map((id) => draft(id)) });
    expect(idsOf(await readAll(log, { after: 1, until: 3 }))).toEqual(["b", "c"]);
    expect(idsOf(await readAll(log, { after: 1, until: 3, backwards: true }))).toEqual(["c", "b"]);
  });

  it("does not read the newest events of keys backwards", async () => {
    const read = current().read({ ...ALL, until: 1, newestOfKey: true, backwards: true });
    await expect(read).rejects.toBeInstanceOf(RangeError);
  });

  it("is at an end at once where there is nothing to read", async () => {
    const log = current();
    expect(await log.read(ALL)).toEqual({ events: [], scannedTo: 0, exhausted: true });
    await log.append({ stream: "s", events: [draft("a"), draft("b")] });
    expect(await log.read({ ...ALL, after: 2 })).toEqual({ events: [], scannedTo: 2, exhausted: true });
    expect(await log.read({ ...ALL, after: 9 })).toEqual({ events: [], scannedTo: 9, exhausted: true });
    expect(await log.read({ ...ALL, after: 1, until: 1 })).toEqual({ events: [], scannedTo: 1, exhausted: true });
    expect(await log.read({ ...ALL, types: ["none"] })).toEqual({ events: [], scannedTo: 2, exhausted: true });
    const backwards = await log.read({ ...ALL, types: ["none"], backwards: true });
    expect(backwards).toEqual({ events: [], scannedTo: 1, exhausted: true });
  });

  it("never shows a reader a part of an append, or a gap that is filled later", async () => {
    const log = current();
    const appends = 60;
    const writing = Promise.all(
      Array.from({ length: appends }, async (_, n) => {
        const events = [1, 2, 3].map((at) => draft(`${String(n)}/${String(at)}`));
        await log.append({ stream: `s${String(n % 5)}`, events });
      }),
    );
    const seen: LogEvent[] = [];
    for (let after = 0; seen.length < 3 * appends;) {
      const { events, scannedTo } = await log.read({ ...ALL, after, maxEvents: 7 });
      seen.push(...events);
      after = scannedTo;
    }
    await writing;
    expect(seen).toEqual(await readAll(log));
    for (const { sequence, appendEnd } of seen) expect(appendEnd - sequence).toBeLessThan(3);
  });

  it("finds the payload before an event of the same key in the same stream", async () => {
    const log = current();
    const put = async (stream: string, key: string, payload: string): Promise<number> => {
      const { events } = await log.append({ stream, events: [draft(`${stream}${key}${payload}`, { key, payload })] });
      return events[0]?.sequence ?? 0;
    };
    const first = await put("s", "k", "one");
    await put("s", "other", "two");
    await put("r", "k", "three");
    const second = await put("s", "k", "four");
    const third = await put("s", "k", "five");
    const asked = [third, first, second].map((sequence) => ({ stream: "s", key: "k", sequence }));
    const keyless = { stream: "s", key: "", sequence: third };
    const payloads = await log.previousPayloads([...asked, keyless, { stream: "none", key: "k", sequence: third }]);
    const texts = payloads.map((payload) => payload && new TextDecoder().decode(payload));
    expect(texts).toEqual(["four", undefined, "one", undefined, undefined]);
  });

  it("finds an event by its stream and id, for as long as it is there", async () => {
    const log = current();
    await log.append({ stream: "s", events: [draft("a"), draft("b", { key: "k", payload: "of b" })] });
    await log.append({ stream: "other", events: [draft("c")] });
    const [, second] = await readAll(log);
    expect(await log.find("s", "b")).toEqual(second);
    expect(await log.find("s", "c")).toBeUndefined();
    expect(await log.find("none", "a")).toBeUndefined();
    await log.truncate("s", 2);
    expect(await log.find("s", "a")).toBeUndefined();
    expect(await log.find("s", "b")).toEqual(second);
  });

  it("keeps bytes and texts of any kind as they are", async () => {
    const log = current();
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
    const odd = "quotes \" ' and \\ \n \0 and \u{1f600} and \ufeff";
    const event = { id: odd, type: odd, key: odd, tombstone: true, head: bytes, payload: new Uint8Array(0) };
    await log.append({ stream: odd, events: [event] });
    expect(await readAll(log)).toMatchObject([{ ...event, stream: odd }]);
    expect(await log.find(odd, odd)).toMatchObject({ ...event, stream: odd });
    expect(await readAll(log, { types: [odd], streams: [`${odd.slice(0, 12)}*`] })).toHaveLength(1);
  });

  it("shows an append to every read that starts after it resolved", async () => {
    const log = current();
    for (let round = 1; round <= 50; round += 1) {
      await log.append({ stream: "s", events: [draft(String(round))] });
      expect(idsOf((await log.read({ ...ALL, after: round - 1 })).events)).toEqual([String(round)]);
    }
  });
}
