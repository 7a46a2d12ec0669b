import { open } from "node:fs/promises";

import { type Clock, systemClock } from "../../ports/clock.js";
import type {
  Append,
  AppendListener,
  AppendResult,
  EventLog,
  Following,
  LogEvent,
  LogRange,
  PackedReadResult,
  ReadOptions,
  ReadResult,
  Retention,
  StreamRange,
} from "../../ports/event-log.js";
import { checkAppend, checkRead } from "../../ports/event-log-checks.js";

import { AppendQueue, type StoredAppend } from "./sqlite-event-append-queue.js";
import { packAppends } from "./sqlite-event-appends.js";
import { eventErrorOf, logUnavailable } from "./sqlite-event-errors.js";
import type {
  EventFailure,
  EventLogState,
  EventWorkerData,
  ReadRequest,
  ReadResults,
  WriteRequest,
  WriteResults,
} from "./sqlite-event-protocol.js";
import { readRecords } from "./sqlite-event-record.js";
import { type LossListener, SqliteThread } from "./sqlite-thread.js";

export interface SqliteEventLogOptions {
  /** Says when events are stored. Default: the machine's. */
  readonly clock?: Clock;
  /** Size of the database, in pages of 4 KiB, from which on the disk counts as full. Default: none. For tests. */
  readonly maxPages?: number;
  /** Told once that nothing can be written any more. Default: nobody. */
  readonly onLost?: LossListener | undefined;
}

/** What callers are told about failures in the threads. */
const ERRORS = { errorOf: eventErrorOf, unavailable: logUnavailable };

type Writer = SqliteThread<WriteRequest, WriteResults, EventFailure>;
type Reader = SqliteThread<ReadRequest, ReadResults, EventFailure>;

/**
 * Events in a SQLite database (write-ahead log, `synchronous=FULL`). One thread writes: all appends that
 * come in while one transaction runs share the next one, and its one fsync. Another one reads beside it,
 * so that long reads do not delay commits.
 *
 * A full disk fails the appends that meet it; after any other failure to write, nothing more is
 * acknowledged until the log is opened anew, and reads go on. Each event has a checksum: what is not as it
 * was written is not handed out, but refused with `CORRUPT_DATA`.
 */
export class SqliteEventLog implements EventLog {
  readonly epoch: string;
  readonly #workerData: EventWorkerData;
  readonly #writer: Writer;
  readonly #appends: AppendQueue;
  readonly #listeners = new Set<AppendListener>();
  /** Starts with the log, so that the first watch need not wait for it; again with a read, should it have ended. */
  #reader: Promise<Reader> | undefined;
  #firstSequence: number;
  #lastSequence: number;
  #closed: Promise<void> | undefined;

  private constructor(writer: Writer, state: EventLogState, workerData: EventWorkerData, clock: Clock) {
    this.epoch = state.epoch;
    this.#firstSequence = state.firstSequence;
    this.#lastSequence = state.lastSequence;
    this.#workerData = workerData;
    this.#writer = writer;
    this.#appends = new AppendQueue(
      (appends) => {
        const packed = packAppends(appends);
        return writer.ask<"append">({ kind: "append", appends: packed, nowMs: clock.now() }, [packed]);
      },
      (stored) => this.#tell(stored),
    );
  }

  /**
   * Opens the database at `path`, making it (readable by this user only) if it is not there.
   *
   * @throws Error if it is not a database or was written by a newer version
   */
  static async open(
    path: string,
    { clock = systemClock, maxPages, onLost }: SqliteEventLogOptions = {},
  ): Promise<SqliteEventLog> {
    await (await open(path, "a", 0o600)).close(); // SQLite gives its other files the same mode
    const workerData = { path, ...(maxPages !== undefined && { maxPages }) };
    const started = await SqliteThread.start<WriteRequest, WriteResults, EventFailure>({
      ...ERRORS,
      worker: "sqlite-event-writer-worker",
      workerData,
      onLost,
    });
    const log = new SqliteEventLog(started.thread, started.ready as EventLogState, workerData, clock);
    log.#startReader().catch(() => {}); // a read that meets the failure tells of it
    return log;
  }

  async append(append: Append): Promise<AppendResult> {
    this.#checkOpen();
    checkAppend(append);
    return await this.#appends.push(append);
  }

  async read(options: ReadOptions): Promise<ReadResult> {
    const { events, ...rest } = await this.readPacked(options);
    return { events: events.map((event) => event.event()), ...rest };
  }

  async readPacked(options: ReadOptions): Promise<PackedReadResult> {
    checkRead(options);
    const { records, recordsBytes, ...rest } = await this.#ask<"read">({ kind: "read", options });
    return { events: readRecords(records, recordsBytes), ...rest };
  }

  async find(stream: string, id: string): Promise<LogEvent | undefined> {
    const { records } = await this.#ask<"find">({ kind: "find", stream, id });
    return readRecords(records)[0]?.event();
  }

  async previousPayloads(
    events: readonly Pick<LogEvent, "stream" | "key" | "sequence">[],
  ): Promise<readonly (Uint8Array | undefined)[]> {
    const places = events.map(({ stream, key, sequence }) => ({ stream, key, sequence }));
    const { indexes, records } = await this.#ask<"previous">({ kind: "previous", events: places });
    const found = new Map(readRecords(records).map((record, at) => [indexes[at], record.content().payload]));
    return events.map((_, index) => found.get(index));
  }

  sequenceAt(timeMs: number): Promise<number> {
    return this.#ask<"sequenceAt">({ kind: "sequenceAt", timeMs });
  }

  async range(): Promise<LogRange> {
    this.#checkOpen();
    return { firstSequence: this.#firstSequence, lastSequence: this.#lastSequence };
  }

  streamRange(stream: string): Promise<StreamRange> {
    return this.#ask<"streamRange">({ kind: "streamRange", stream });
  }

  async truncate(stream: string, beforeRevision: number): Promise<number> {
    this.#checkOpen();
    const { firstRevision } = await this.#writer.ask<"truncate">({ kind: "truncate", stream, beforeRevision });
    return firstRevision;
  }

  async trim(retention: Retention): Promise<number> {
    this.#checkOpen();
    const { removed, firstSequence } = await this.#writer.ask<"trim">({ kind: "trim", retention });
    this.#firstSequence = firstSequence;
    return removed;
  }

  async follow(listener: AppendListener): Promise<Following> {
    this.#checkOpen();
    const listening: AppendListener = (events) => listener(events); // its own, should `listener` come twice
    this.#listeners.add(listening);
    return { lastSequence: this.#lastSequence, [Symbol.dispose]: () => void this.#listeners.delete(listening) };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#appends.drain();
    const reader = await this.#reader?.catch(() => undefined);
    await reader?.close({ kind: "close" });
    await this.#writer.close({ kind: "close" });
    this.#listeners.clear();
  }

  async #ask<Kind extends keyof ReadResults>(
    request: Extract<ReadRequest, { readonly kind: Kind }>,
  ): Promise<ReadResults[Kind]> {
    this.#checkOpen();
    const starting = this.#reader ?? this.#startReader();
    try {
      return await (await starting).ask<Kind>(request);
    } catch (error) {
      const gone = await starting.then(
        (reader) => reader.hasEnded,
        () => true,
      );
      if (gone && this.#reader === starting) this.#reader = undefined; // the next read starts another one
      throw error;
    }
  }

  #startReader(): Promise<Reader> {
    return (this.#reader = startReader(this.#workerData));
  }

  /** Takes note of what was stored, and passes it to those who listen. */
  #tell(appends: readonly StoredAppend[]): void {
    const last = appends.flatMap(({ events }) => events).findLast(({ duplicate }) => !duplicate);
    if (last === undefined) return;
    this.#lastSequence = last.sequence;
    if (this.#listeners.size === 0) return;
    const events = appends.flatMap((append) => storedEvents(append));
    for (const listener of this.#listeners) listener(events);
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw logUnavailable("it is closed");
  }
}

async function startReader(workerData: EventWorkerData): Promise<Reader> {
  try {
    const started = await SqliteThread.start<ReadRequest, ReadResults, EventFailure>({
      ...ERRORS,
      worker: "sqlite-event-reader-worker",
      workerData,
    });
    return started.thread;
  } catch (error) {
    throw logUnavailable(error);
  }
}

/** The events that an append has added to the log. */
function storedEvents({ append, events: appended, storedAtMs }: StoredAppend): readonly LogEvent[] {
  const appendEnd = appended.findLast(({ duplicate }) => !duplicate)?.sequence ?? 0;
  const { stream } = append;
  return append.events.flatMap(({ id, type, key, tombstone, head, payload }, index) => {
    const { sequence, revision, duplicate } = appended[index] ?? { sequence: 0, revision: 0, duplicate: true };
    if (duplicate) return [];
    return [{ id, type, key, tombstone, head, payload, sequence, stream, revision, appendEnd, storedAtMs }];
  });
}
