import { randomUUID } from "node:crypto";

import { ServiceError } from "@millrace/shared-types";

import { type Clock, systemClock } from "../../ports/clock.js";
import type {
  Append,
  AppendedEvent,
  AppendListener,
  AppendResult,
  EventDraft,
  EventLog,
  Following,
  LogEvent,
  LogRange,
  ReadOptions,
  ReadResult,
  Retention,
  StreamRange,
} from "../../ports/event-log.js";
import { EventIdConflict, PositionCompacted, RevisionMismatch } from "../../ports/event-log.js";
import { checkAppend, checkRead } from "../../ports/event-log-checks.js";
import { eventMatcher, isSystemStream, readsSystemOnly } from "../../ports/event-log-patterns.js";

import { firstIndex, MemoryStream } from "./memory-event-stream.js";

/** Events that one read looks at and one trim removes, at most, but for the rest of an append. */
const MAX_LOOKED_AT = 20_000;

/** Events in memory, gone when the process ends: for tests and for servers that keep nothing. */
export class MemoryEventLog implements EventLog {
  readonly epoch: string = randomUUID();
  readonly #clock: Clock;
  readonly #streams = new Map<string, MemoryStream>();
  readonly #listeners = new Set<AppendListener>();
  /** All events, in order. */
  #events: LogEvent[] = [];
  #firstSequence = 1;
  #lastSequence = 0;
  #lastStoredAtMs = 0;
  /** What counts for retention. */
  readonly #kept = { events: 0, bytes: 0 };
  #closed = false;

  constructor(options: { readonly clock?: Clock } = {}) {
    this.#clock = options.clock ?? systemClock;
  }

  async append(append: Append): Promise<AppendResult> {
    this.#checkOpen();
    checkAppend(append);
    const { stream: name, expectedRevision, events } = append;
    const stream = this.#streams.get(name) ?? new MemoryStream(name);
    const known = events.map((draft) => knownEvent(stream, draft));
    const fresh = events.filter((_, index) => known[index] === undefined);
    if (fresh.length > 0 && expectedRevision !== undefined && expectedRevision !== stream.lastRevision) {
      throw new RevisionMismatch(name, expectedRevision, stream.lastRevision);
    }
    const stored = this.#store(stream, fresh).values();
    return { events: known.map((event) => appended(event, stored)), revision: stream.lastRevision };
  }

  async read(options: ReadOptions): Promise<ReadResult> {
    this.#checkOpen();
    checkRead(options);
    const { after, until = this.#lastSequence, backwards = false } = options;
    if (after < this.#firstSequence - 1 && !readsSystemOnly(options)) {
      throw new PositionCompacted(after, this.#firstSequence);
    }
    const end = Math.min(until, this.#lastSequence);
    const run = takeAppends(this.#between(after, end, backwards), this.#wanted(options), options);
    const edge = backwards ? Math.min(after, end) + 1 : Math.max(after, end);
    return { events: run.events, scannedTo: run.goesOnAt ?? edge, exhausted: run.goesOnAt === undefined };
  }

  async find(stream: string, id: string): Promise<LogEvent | undefined> {
    this.#checkOpen();
    return this.#streams.get(stream)?.event(id);
  }

  async previousPayloads(
    events: readonly Pick<LogEvent, "stream" | "key" | "sequence">[],
  ): Promise<readonly (Uint8Array | undefined)[]> {
    this.#checkOpen();
    return events.map(
      ({ stream, key, sequence }) => this.#streams.get(stream)?.newestOfKey(key, sequence - 1)?.payload,
    );
  }

  async sequenceAt(timeMs: number): Promise<number> {
    this.#checkOpen();
    const found = this.#events[firstIndex(this.#events, ({ storedAtMs }) => storedAtMs >= timeMs)];
    return Math.max(found?.sequence ?? this.#lastSequence + 1, this.#firstSequence);
  }

  async range(): Promise<LogRange> {
    this.#checkOpen();
    return { firstSequence: this.#firstSequence, lastSequence: this.#lastSequence };
  }

  async streamRange(stream: string): Promise<StreamRange> {
    this.#checkOpen();
    const { firstRevision = 0, lastRevision = 0 } = this.#streams.get(stream) ?? {};
    return { firstRevision, lastRevision };
  }

  async truncate(stream: string, beforeRevision: number): Promise<number> {
    this.#checkOpen();
    const held = this.#streams.get(stream);
    if (held === undefined || held.firstRevision > held.lastRevision) return 0;
    const before = Math.min(beforeRevision, held.lastRevision);
    const goes = (event: LogEvent): boolean => event.stream === stream && event.revision < before;
    for (const event of this.#events.filter(goes)) this.#forget(event);
    this.#events = this.#events.filter((event) => !goes(event));
    return held.firstRevision;
  }

  async trim(retention: Retention): Promise<number> {
    this.#checkOpen();
    const start = this.#indexAfter(this.#firstSequence - 1);
    let removed = 0;
    let end = start;
    for (const append of appendsOf(this.#between(this.#firstSequence - 1, this.#lastSequence, false))) {
      const ofServer = append.some(({ stream }) => isSystemStream(stream));
      if (removed >= MAX_LOOKED_AT || (!ofServer && !this.#mayGo(append, retention))) break;
      end += append.length;
      if (ofServer) continue;
      for (const event of append) this.#forget(event);
      this.#firstSequence = (append.at(-1)?.sequence ?? 0) + 1;
      removed += append.length;
    }
    const stays = this.#events.slice(start, end).filter(({ stream }) => isSystemStream(stream));
    this.#events.splice(start, end - start, ...stays);
    return removed;
  }

  async follow(listener: AppendListener): Promise<Following> {
    this.#checkOpen();
    const listening: AppendListener = (events) => listener(events); // its own, should `listener` come twice
    this.#listeners.add(listening);
    return { lastSequence: this.#lastSequence, [Symbol.dispose]: () => void this.#listeners.delete(listening) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
  }

  /** Stores the drafts as one append and tells who listens. */
  #store(stream: MemoryStream, drafts: readonly EventDraft[]): readonly LogEvent[] {
    if (drafts.length === 0) return [];
    this.#lastStoredAtMs = Math.max(this.#clock.now(), this.#lastStoredAtMs);
    const events = this.#place(stream, drafts);
    this.#lastSequence += drafts.length;
    this.#streams.set(stream.name, stream);
    for (const event of events) {
      this.#events.push(event);
      stream.add(event);
    }
    this.#count(events, 1);
    for (const listener of this.#listeners) listener(events);
    return events;
  }

  /** The drafts as they come next in the log. */
  #place({ name, lastRevision }: MemoryStream, drafts: readonly EventDraft[]): readonly LogEvent[] {
    const copy = copier(bytesOf(drafts));
    const first = this.#lastSequence + 1;
    return drafts.map(({ id, type, key, tombstone, head, payload }, index) => ({
      id,
      type,
      key,
      tombstone,
      head: copy(head),
      payload: copy(payload),
      sequence: first + index,
      stream: name,
      revision: lastRevision + 1 + index,
      appendEnd: this.#lastSequence + drafts.length,
      storedAtMs: this.#lastStoredAtMs,
    }));
  }

  #forget(event: LogEvent): void {
    this.#streams.get(event.stream)?.removeOldest(event);
    this.#count([event], -1);
  }

  #count(events: readonly LogEvent[], sign: 1 | -1): void {
    const counted = events.filter(({ stream }) => !isSystemStream(stream));
    this.#kept.events += sign * counted.length;
    this.#kept.bytes += sign * bytesOf(counted);
  }

  #mayGo(append: readonly LogEvent[], { storedBeforeMs = -Infinity, maxEvents, maxBytes }: Retention): boolean {
    if ((append[0]?.storedAtMs ?? Infinity) < storedBeforeMs) return true;
    if (this.#kept.events - append.length >= (maxEvents ?? Infinity)) return true;
    return this.#kept.bytes - bytesOf(append) >= (maxBytes ?? Infinity);
  }

  /** The events after `after`, up to `end`. */
  *#between(after: number, end: number, backwards: boolean): Generator<LogEvent> {
    const from = this.#indexAfter(after);
    const to = this.#indexAfter(end);
    for (let index = from; index < to; index += 1) {
      const event = this.#events[backwards ? from + to - 1 - index : index];
      if (event !== undefined) yield event;
    }
  }

  #wanted(options: ReadOptions): (event: LogEvent) => boolean {
    const matches = eventMatcher(options);
    if (options.newestOfKey !== true) return matches;
    const { until = this.#lastSequence } = options;
    return (event) =>
      matches(event) && !event.tombstone && this.#streams.get(event.stream)?.newestOfKey(event.key, until) === event;
  }

  #indexAfter(sequence: number): number {
    return firstIndex(this.#events, (event) => event.sequence > sequence);
  }

  #checkOpen(): void {
    if (this.#closed) throw new ServiceError("BACKEND_UNAVAILABLE", "the event log is closed");
  }
}

function knownEvent(stream: MemoryStream, draft: EventDraft): LogEvent | undefined {
  const known = stream.event(draft.id);
  if (known !== undefined && !sameContent(known, draft)) throw new EventIdConflict(stream.name, draft.id);
  return known;
}

function sameContent(a: EventDraft, b: EventDraft): boolean {
  return (
    a.type === b.type &&
    a.key === b.key &&
    a.tombstone === b.tombstone &&
    Buffer.compare(a.head, b.head) === 0 &&
    Buffer.compare(a.payload, b.payload) === 0
  );
}

/** The next of the events that were `stored` just now, unless it was `known`. */
function appended(known: LogEvent | undefined, stored: Iterator<LogEvent, undefined>): AppendedEvent {
  const { sequence = 0, revision = 0 } = known ?? stored.next().value ?? {};
  return { sequence, revision, duplicate: known !== undefined };
}

/**
 * Copies so many bytes, one after the other, into one piece of memory. Payloads are often views of a whole message: what
 * is kept must not keep that alive, nor change with it.
 */
function copier(bytes: number): (part: Uint8Array) => Uint8Array {
  const copies = new Uint8Array(bytes);
  let at = 0;
  return (part) => {
    copies.set(part, at);
    at += part.length;
    return copies.subarray(at - part.length, at);
  };
}

interface Run {
  readonly events: readonly LogEvent[];
  /** The last event that was looked at; `undefined` if that was all. */
  readonly goesOnAt: number | undefined;
}

/** As many whole appends as fit, or the first one alone. */
function takeAppends(
  events: Iterable<LogEvent>,
  wanted: (event: LogEvent) => boolean,
  { maxEvents, maxBytes }: ReadOptions,
): Run {
  const taken: LogEvent[] = [];
  let bytes = 0;
  let lookedAt = 0;
  let last: LogEvent | undefined;
  for (const append of appendsOf(events)) {
    const found = append.filter(wanted);
    bytes += bytesOf(found);
    const full = taken.length + found.length > maxEvents || bytes > maxBytes;
    const ends = lookedAt >= MAX_LOOKED_AT || (full && taken.length > 0 && found.length > 0);
    if (ends) return { events: taken, goesOnAt: last?.sequence };
    taken.push(...found);
    lookedAt += append.length;
    last = append.at(-1);
  }
  return { events: taken, goesOnAt: undefined };
}

function* appendsOf(events: Iterable<LogEvent>): Generator<readonly LogEvent[]> {
  let append: LogEvent[] = [];
  for (const event of events) {
    if (append.length > 0 && append[0]?.appendEnd !== event.appendEnd) {
      yield append;
      append = [];
    }
    append.push(event);
  }
  if (append.length > 0) yield append;
}

function bytesOf(events: readonly EventDraft[]): number {
  return events.reduce((sum, { head, payload }) => sum + head.length + payload.length, 0);
}
