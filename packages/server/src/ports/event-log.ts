/** An event as its publisher gave it. */
export interface EventDraft {
  /** Unique in its stream, never empty. */
  readonly id: string;
  readonly type: string;
  /** Compaction key; empty for none. */
  readonly key: string;
  /** This event removes its key. */
  readonly tombstone: boolean;
  /** Everything else that the publisher said, but for the payload. Opaque to the log; equal bytes mean equal content. */
  readonly head: Uint8Array;
  readonly payload: Uint8Array;
}

/** An event as it is stored. */
export interface LogEvent extends EventDraft {
  /** Position in the whole log, from 1: grows strictly, not necessarily by one. */
  readonly sequence: number;
  readonly stream: string;
  /** Position in its stream: 1, 2, 3… without holes. */
  readonly revision: number;
  /** Sequence of the last event of the append that brought it: readers never see part of an append. */
  readonly appendEnd: number;
  /**
   * Wall clock of the server when it was stored, in milliseconds since 1970. Never lower than that of the
   * event before, should the clock step back.
   */
  readonly storedAtMs: number;
}

/** Events for one stream, stored together or not at all. */
export interface Append {
  /** Made on first use. */
  readonly stream: string;
  /** The newest revision that the stream must have; 0: it must not have any event. Left out: any. */
  readonly expectedRevision?: number;
  /** At least one; ids differ. */
  readonly events: readonly EventDraft[];
}

/** Where an event of an append is. */
export interface AppendedEvent {
  readonly sequence: number;
  readonly revision: number;
  /** It had been stored by an earlier append. */
  readonly duplicate: boolean;
}

export interface AppendResult {
  /** One for each event, in order. */
  readonly events: readonly AppendedEvent[];
  /** Newest revision of the stream. */
  readonly revision: number;
}

/** The stream has another revision than the append insists on; nothing was stored. */
export class RevisionMismatch extends Error {
  override readonly name = "RevisionMismatch";
  readonly expected: number;
  readonly actual: number;

  constructor(stream: string, expected: number, actual: number) {
    super(`stream "${stream}" has revision ${String(actual)}, not ${String(expected)}`);
    this.expected = expected;
    this.actual = actual;
  }
}

/** The stream has an event of that id with other content; nothing was stored. */
export class EventIdConflict extends Error {
  override readonly name = "EventIdConflict";
  readonly id: string;

  constructor(stream: string, id: string) {
    super(`stream "${stream}" has another event with the id "${id}"`);
    this.id = id;
  }
}

/** Events after the position were removed by {@link EventLog.trim}. */
export class PositionCompacted extends Error {
  override readonly name = "PositionCompacted";
  readonly after: number;
  /** Oldest position that can be read from, as a sequence. */
  readonly firstSequence: number;

  constructor(after: number, firstSequence: number) {
    super(`events after ${String(after)} are gone; the log begins at ${String(firstSequence)}`);
    this.after = after;
    this.firstSequence = firstSequence;
  }
}

export interface ReadOptions {
  /** Only events after this sequence, be it within an append. The beginning is 0, or one before {@link LogRange.firstSequence}. */
  readonly after: number;
  /** Only events up to this sequence, itself included, be it within an append. Default: the newest. */
  readonly until?: number;
  /** From newer to older. Default false. */
  readonly backwards?: boolean;
  /** Types to read; `order.*` means all that begin with `order.`. None: all. */
  readonly types?: readonly string[];
  /** Streams to read, in the same way. None, as well as `*`: all whose name does not begin with `$`. */
  readonly streams?: readonly string[];
  /**
   * Only the newest event (of any type, not after `until`, which is then needed) of each key of a stream, unless
   * it is a tombstone; events without a key are left out. Forwards only. Default false.
   */
  readonly newestOfKey?: boolean;
  /**
   * Most events to return, and most bytes of their heads and payloads. No append is cut: a result ends before one
   * that does not fit whole, but always has the first one.
   */
  readonly maxEvents: number;
  readonly maxBytes: number;
}

export interface ReadResult {
  /** In order of sequence (or backwards), whole appends only. */
  readonly events: readonly LogEvent[];
  /**
   * Everything up to this sequence (backwards: from this one on) that was asked for is in `events`: the next
   * read goes on after (before) it. May be further than the last event; there may be no event at all.
   */
  readonly scannedTo: number;
  /** There is nothing more up to `until`, or to the newest event, in this direction. */
  readonly exhausted: boolean;
}

/** An event as it is stored, a part of a buffer: for who sends it on without looking at it. */
export interface PackedEvent {
  readonly buffer: Buffer;
  /** The same. */
  readonly view: DataView;
  readonly sequence: number;
  readonly revision: number;
  readonly appendEnd: number;
  readonly storedAtMs: number;
  readonly tombstone: boolean;
  /** Where its stream, id, type, key, head and payload begin: each ends where the next one begins, texts are UTF-8. */
  readonly streamAt: number;
  readonly idAt: number;
  readonly typeAt: number;
  readonly keyAt: number;
  readonly headAt: number;
  readonly payloadAt: number;
  readonly end: number;
  /** The event; head and payload are views of the buffer. */
  event(): LogEvent;
}

/** As {@link ReadResult}. */
export interface PackedReadResult extends Omit<ReadResult, "events"> {
  readonly events: readonly PackedEvent[];
}

/** What a log holds. */
export interface LogRange {
  /** Oldest sequence that can be read from: the one after the newest that was trimmed; 1 if none was. */
  readonly firstSequence: number;
  /** Newest sequence that is stored; 0 if there never was one. */
  readonly lastSequence: number;
}

/** What a stream holds; both 0 if it never had an event. `firstRevision` is the higher one if all were trimmed. */
export interface StreamRange {
  readonly firstRevision: number;
  readonly lastRevision: number;
}

/** What goes: whatever one of these lets go, whole appends. Streams whose name begins with `$` are not counted and not trimmed. */
export interface Retention {
  /** Events stored before this moment may go, in milliseconds since 1970. */
  readonly storedBeforeMs?: number;
  /** Events beyond this number may go, oldest first. */
  readonly maxEvents?: number;
  /** Events beyond this sum of heads and payloads may go, in bytes, oldest first. */
  readonly maxBytes?: number;
}

/** Called with every event that has become readable, in order of sequence; whole appends. Must not throw or wait. */
export type AppendListener = (events: readonly LogEvent[]) => void;

/** Listens until it is disposed of. */
export interface Following extends Disposable {
  /** What was the newest sequence when the listening began: every later event is passed to the listener. */
  readonly lastSequence: number;
}

/**
 * An ordered log of events in streams. One writer at a time assigns sequences, so that no gap that a
 * reader has seen is ever filled later. All methods are linearizable; all but `append` and `follow` are
 * safe to repeat.
 *
 * Streams whose name begins with `$` belong to the server: nobody reads them who does not name them.
 */
export interface EventLog extends AsyncDisposable {
  /** Changes when positions lose their meaning: with a new log. */
  readonly epoch: string;

  /**
   * Stores events, all or none. Resolves once they are durable; concurrent appends share the cost of that.
   * Events whose id the stream has already are not stored again. If all are such, `expectedRevision` does not count.
   *
   * @throws {RangeError} if there are no events, two have the same id, or `expectedRevision` is not an integer from 0 on
   * @throws {RevisionMismatch}
   * @throws {EventIdConflict} if the stream has an event of that id with another type, key, tombstone, head or payload
   * @throws ServiceError `QUOTA_EXCEEDED` if the disk is full, `BACKEND_UNAVAILABLE` if the log cannot write
   */
  append(append: Append): Promise<AppendResult>;

  /**
   * Reads a run of events. Looks at a bounded number of them at a time, so that it may return fewer than there
   * are, or none: go on from `scannedTo`.
   *
   * @throws {RangeError} if the newest events of keys are asked for backwards
   * @throws {PositionCompacted} if events after `after` were trimmed (and other streams than `$…` are asked for)
   * @throws ServiceError `CORRUPT_DATA` if the next event is not as it was stored; those behind it can be read
   */
  read(options: ReadOptions): Promise<ReadResult>;

  /** As {@link read}, from logs that keep events packed: without an object for all that an event says. */
  readPacked?(options: ReadOptions): Promise<PackedReadResult>;

  /**
   * The event of a stream with this id; `undefined` if there is none, or none any more.
   *
   * @throws ServiceError `CORRUPT_DATA` if it is not as it was stored
   */
  find(stream: string, id: string): Promise<LogEvent | undefined>;

  /**
   * The payloads of the events that came before these in their stream with the same key; `undefined` where none is
   * left. Holds all of them in memory: ask for few at a time.
   */
  previousPayloads(
    events: readonly Pick<LogEvent, "stream" | "key" | "sequence">[],
  ): Promise<readonly (Uint8Array | undefined)[]>;

  /**
   * Sequence of the first event that was stored at or after `timeMs`; one more than the newest if there is none.
   * Never lower than {@link LogRange.firstSequence}.
   */
  sequenceAt(timeMs: number): Promise<number>;

  range(): Promise<LogRange>;
  streamRange(stream: string): Promise<StreamRange>;

  /** Removes the events of a stream whose revision is lower, never the newest one. Returns the oldest revision left, 0 if there is none. */
  truncate(stream: string, beforeRevision: number): Promise<number>;

  /** Removes the oldest events as far as `retention` lets them go; whole appends. A bounded number at a time: call it until it returns 0. */
  trim(retention: Retention): Promise<number>;

  /** Calls `listener` from now on. */
  follow(listener: AppendListener): Promise<Following>;

  /** Waits for appends under way and closes the log. */
  [Symbol.asyncDispose](): Promise<void>;
}
