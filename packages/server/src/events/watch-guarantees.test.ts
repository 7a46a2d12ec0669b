import { randomInt } from "node:crypto";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";

import { afterAll, describe, expect, it } from "@jest/globals";
import {
  type Event,
  type Gap,
  type PartialMessage,
  SlowConsumerPolicy,
  StartPosition,
  type WatchRequest,
} from "@millrace/shared-types";
import fc from "fast-check";

import { SqliteEventLog } from "../adapters/embedded/sqlite-event-log.js";
import { openTemporaryFolder } from "../adapters/embedded/temporary-folder.js";
import { MemoryEventLog } from "../adapters/memory/memory-event-log.js";
import type { EventLog, LogEvent } from "../ports/event-log.js";
import { eventMatcher, isSystemStream } from "../ports/event-log-patterns.js";

import { toMessage } from "./event-message.js";
import type { EventsFixture } from "./events-fixture.test.support.js";
import { compileFilter } from "./filter/compile-filter.js";
import { append } from "./feed-fixture.test.support.js";
import { fixtureWith, watching, watchingBatches } from "./watch-fixture.test.support.js";

const APPENDS = 120;
const TAILS = [1, 5_000, 20_000, 8 * 1024 * 1024];
const FILTERS = ["", "size(event.payload) % 2 == 0", 'event.attributes["n"] == "1"'];

/** A whole number from 0 up to, but not with, `max`. */
type Below = (max: number) => number;

/** What is published, in order. */
interface History {
  readonly appends: readonly { readonly stream: string; readonly events: readonly PartialMessage<Event>[] }[];
  readonly count: number;
}

/** What one client got over all its calls. */
interface Received {
  readonly events: Event[];
  /** Where batches ended, as numbers of events. */
  readonly ends: number[];
}

function historyOf(below: Below): History {
  const eventAt = (): PartialMessage<Event> => ({
    type: ["t", "t.1", "t.2", "u"][below(4)] ?? "t",
    key: ["", "a", "b", "c"][below(4)] ?? "",
    payload: Buffer.alloc(below(200), below(256)),
    attributes: new Map([["n", String(below(3))]]),
  });
  const appends = Array.from({ length: APPENDS }, () => ({
    stream: ["s", "x/1", "x/2", "$chat/1"][below(4)] ?? "s",
    events: Array.from({ length: 1 + below(6) }, eventAt),
  }));
  return { appends, count: appends.reduce((sum, { events }) => sum + events.length, 0) };
}

function requestOf(below: Below, untilSequence: number): PartialMessage<WatchRequest> & { readonly filter: string } {
  return {
    eventTypes: [[], ["t"], ["t.*"], ["u", "t.1"]][below(4)] ?? [],
    streams: [[], ["s"], ["x/*"]][below(3)] ?? [],
    filter: FILTERS[below(FILTERS.length)] ?? "",
    controls: below(2) === 0,
    includePreviousPayload: below(2) === 0,
    untilSequence,
  };
}

/** Publishes a history while clients read it, each over many calls that are cut at random. */
async function publishAndRead(below: Below, openLog: () => Promise<EventLog>): Promise<void> {
  const history = historyOf(below);
  await using fixture = await fixtureWith(0, { eventLog: await openLog(), tailBytes: TAILS[below(TAILS.length)] ?? 1 });
  const stored: LogEvent[] = [];
  await using stack = new AsyncDisposableStack();
  stack.use(await fixture.log.follow((events) => void stored.push(...events)));
  const clients = Array.from({ length: 4 }, () => {
    const request = requestOf(below, history.count);
    const received = below(2) === 0 ? readEvents(fixture, request, below) : readBatches(fixture, request, below);
    return { request, received };
  });
  for (const { stream, events } of history.appends) {
    await append(fixture.log, stream, ...events);
    if (below(4) === 0) fixture.clock.advance(700);
    if (below(4) === 0) await turn();
  }
  for (const { request, received } of clients) assertGuarantees(request, await received, stored);
}

/** A client of WatchEvents that goes on after the last token that it has seen. */
async function readEvents(
  fixture: EventsFixture,
  request: PartialMessage<WatchRequest>,
  below: Below,
): Promise<Received> {
  const received: Received = { events: [], ends: [] };
  let start: PartialMessage<WatchRequest>["start"] = { $case: "startPosition", value: StartPosition.BEGINNING };
  for (;;) {
    await using stream = watching(fixture.events, { ...request, ...heartbeats(request), start });
    for (let left = 1 + below(60); left > 0; left -= 1) {
      const message = await stream.next();
      if (message === undefined) return received;
      const bookmark = bookmarkOf(message);
      if (message.control === undefined) received.events.push(message);
      else if (bookmark !== undefined) assertBookmark(received, bookmark.sequence);
      const value = bookmark?.resumeToken ?? message.resumeToken;
      if (value !== "") start = { $case: "resumeToken", value };
    }
  }
}

/** A client of WatchEventBatches that goes on after the last batch that it has seen. */
async function readBatches(
  fixture: EventsFixture,
  watch: PartialMessage<WatchRequest>,
  below: Below,
): Promise<Received> {
  const received: Received = { events: [], ends: [] };
  let start: PartialMessage<WatchRequest>["start"] = { $case: "startPosition", value: StartPosition.BEGINNING };
  for (;;) {
    const wait = below(2) === 0 ? { maxBatchDelay: { seconds: 0, nanos: 0 } } : {};
    const request = { ...wait, maxBatchEvents: 1 + below(20), watch: { ...watch, ...heartbeats(watch), start } };
    await using stream = watchingBatches(fixture.events, request);
    for (let left = 1 + below(10); left > 0; left -= 1) {
      const response = await stream.next();
      if (response === undefined) return received;
      received.events.push(...(response.batch?.events ?? []));
      received.ends.push(received.events.length);
      const bookmark = bookmarkOf({ control: response.batch?.control });
      if (bookmark !== undefined) assertBookmark(received, bookmark.sequence);
      start = { $case: "resumeToken", value: response.batch?.resumeToken ?? "" };
    }
  }
}

function heartbeats({ controls }: PartialMessage<WatchRequest>): PartialMessage<WatchRequest> {
  return controls === true ? { heartbeatInterval: { seconds: 1, nanos: 0 } } : {};
}

function bookmarkOf({ control }: Pick<Event, "control">): { sequence: number; resumeToken: string } | undefined {
  const kind = control?.kind;
  return kind?.$case === "heartbeat" || kind?.$case === "caughtUp" ? kind.value : undefined;
}

/** Bookmarks[until here]: nothing that was sent comes after them. */
const bookmarks = new WeakMap<Received, { readonly sequence: number; readonly received: number }[]>();

function assertBookmark(received: Received, sequence: number): void {
  const all = bookmarks.get(received) ?? [];
  all.push({ sequence, received: received.events.length });
  bookmarks.set(received, all);
}

function assertGuarantees(
  request: ReturnType<typeof requestOf>,
  received: Received,
  stored: readonly LogEvent[],
): void {
  const covers = eventMatcher({ types: request.eventTypes ?? [], streams: request.streams ?? [] });
  const filter = request.filter === "" ? undefined : compileFilter(request.filter);
  const wanted = stored.filter((event) => covers(event) && (filter?.matches(toMessage(event, "")) ?? true));
  const sequences = received.events.map(({ sequence }) => sequence);
  // Ordered, unique, reliable, resumable, filtered.
  expect(sequences).toEqual(wanted.map(({ sequence }) => sequence));
  // Bookmarkable.
  for (const bookmark of bookmarks.get(received) ?? []) {
    expect(sequences.filter((sequence) => sequence <= bookmark.sequence)).toHaveLength(bookmark.received);
  }
  for (const [index, event] of received.events.entries()) {
    const { payload } = wanted[index] as LogEvent;
    expect(Buffer.compare(event.payload, payload)).toBe(0);
    if (request.includePreviousPayload === true) expect(event.previousPayload).toEqual(previousOf(event, stored));
  }
  // Atomic.
  for (const end of received.ends.filter((end) => end > 0 && end < wanted.length)) {
    expect(wanted[end]?.appendEnd).not.toBe(wanted[end - 1]?.appendEnd);
  }
}

function previousOf({ key, stream, sequence }: Event, stored: readonly LogEvent[]): Buffer | undefined {
  if (key === "") return undefined;
  const previous = stored.findLast(
    (event) => event.key === key && event.stream === stream && event.sequence < sequence,
  );
  return previous && Buffer.from(previous.payload);
}

const seed = randomInt(2 ** 31);
process.stdout.write(`watch-guarantees.test.ts: seed ${String(seed)}\n`);

async function assertFor(openLog: () => Promise<EventLog>, numRuns: number): Promise<void> {
  const property = fc.asyncProperty(fc.gen(), (gen) => publishAndRead((max) => gen(fc.nat, { max: max - 1 }), openLog));
  await fc.assert(property, { seed, numRuns, endOnFailure: true });
}

interface Dawdled {
  readonly events: readonly Event[];
  readonly gaps: readonly Gap[];
  /** What it could have got. */
  readonly stored: readonly LogEvent[];
}

/** Publishes a history to one client that pauses now and then. */
async function publishToDawdler(below: Below, slowConsumerPolicy: SlowConsumerPolicy): Promise<Dawdled> {
  const history = historyOf(below);
  await using fixture = await fixtureWith(0, { tailBytes: 5_000 + below(30_000) });
  const stored: LogEvent[] = [];
  await using stack = new AsyncDisposableStack();
  stack.use(await fixture.log.follow((events) => void stored.push(...events)));
  const request = { slowConsumerPolicy, controls: true, untilSequence: history.count };
  await using stream = watching(fixture.events, { ...request, streams: ["s", "x/*"] });
  const read = async (): Promise<Event[]> => {
    const messages: Event[] = [];
    for (let message = await stream.next(); message !== undefined; message = await stream.next()) {
      messages.push(message);
      if (below(8) === 0) await turns(below(60));
    }
    return messages;
  };
  const reading = read();
  await stream.headers;
  for (const { stream: name, events } of history.appends) {
    await append(fixture.log, name, ...events);
    await turns(below(2));
  }
  const messages = await reading;
  const gaps = messages.map(({ control }) => control?.kind).filter((kind) => kind?.$case === "gap");
  return {
    events: messages.filter(({ control }) => control === undefined),
    gaps: gaps.map(({ value }) => value),
    stored: stored.filter(({ stream: name }) => !isSystemStream(name)),
  };
}

async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1) await turn();
}

function assertGaps({ events, gaps, stored }: Dawdled, isSuperseded: (event: LogEvent) => boolean): void {
  const sequences = events.map(({ sequence }) => sequence);
  expect(sequences).toEqual([...new Set(sequences)].toSorted((a, b) => a - b));
  const missing = stored.filter(({ sequence }) => !sequences.includes(sequence));
  for (const event of missing) {
    expect(isSuperseded(event)).toBe(true);
    expect(gaps.some((gap) => gap.fromSequence <= event.sequence && event.sequence <= gap.toSequence)).toBe(true);
  }
  expect(gaps.reduce((sum, { droppedCount }) => sum + droppedCount, 0)).toBe(missing.length);
}

describe("a client that is slow now and then, and may miss events", () => {
  const assertFor = async (check: (below: Below) => Promise<void>): Promise<void> => {
    const property = fc.asyncProperty(fc.gen(), (gen) => check((max) => gen(fc.nat, { max: max - 1 })));
    await fc.assert(property, { seed, numRuns: 40, endOnFailure: true });
  };

  it("gets the newest ones in order, and is told exactly which it did not get", () =>
    assertFor(async (below) => {
      assertGaps(await publishToDawdler(below, SlowConsumerPolicy.DROP_OLDEST), () => true);
    }));

  it("gets the newest of every key in order, and is told how many older ones it did not get", () =>
    assertFor(async (below) => {
      const received = await publishToDawdler(below, SlowConsumerPolicy.COALESCE);
      assertGaps(received, ({ stream, key, sequence }) =>
        received.events.some(
          (newer) => newer.stream === stream && newer.key === key && key !== "" && newer.sequence > sequence,
        ),
      );
    }));
});

describe("whatever is published, and however often a client is cut off, it gets what it selects once and in order", () => {
  it("from a log in memory", () => assertFor(async () => new MemoryEventLog(), 20));

  describe("from a log in a database", () => {
    const stack = new AsyncDisposableStack();
    afterAll(() => stack.disposeAsync());

    it("too", () =>
      assertFor(async () => {
        const folder = stack.use(await openTemporaryFolder());
        return SqliteEventLog.open(join(folder.path, "events.db"));
      }, 4));
  });
});
