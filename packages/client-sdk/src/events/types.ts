import type { ResumeStore } from "../files/resume-store.js";
import type { CallOptions, ResumePolicy } from "../options.js";
import type { ResumableStream } from "../rpc/streams.js";

/** An event to publish: 1 MiB at most with everything in it, unless the server is configured otherwise. */
export interface OutgoingEvent {
  /** Such as `order.created`. No `*` and no control characters. */
  readonly type: string;
  /** Content; text travels as UTF-8. Default: empty. Bytes must not be changed before the event is stored. */
  readonly payload?: Uint8Array | string;
  /**
   * Content as a JSON value, in place of `payload`: is serialized, and makes `contentType`
   * `application/json` unless that is given, so that filters can look into it.
   */
  readonly json?: unknown;
  /**
   * Unique in its stream, 255 bytes at most. An event whose id the stream has already is not stored
   * again. Default: a new UUIDv7, greater than all that this process made before.
   */
  readonly id?: string;
  /** Stream to append to; made on first use. Default: `options.stream`, else `default`. */
  readonly stream?: string;
  /** Compaction key: the newest event of a key is its current state. Default: none. */
  readonly key?: string;
  /** The key has no state any more. Default false. */
  readonly tombstone?: boolean;
  /** At most 64 entries, 16 KiB in all. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Media type of the payload. */
  readonly contentType?: string;
  /** Who produced it: a URI reference. */
  readonly source?: string;
  /** When it happened. Default: when the server stored it. */
  readonly timestamp?: Date;
}

export interface PublishOptions extends Pick<CallOptions, "signal" | "headers"> {
  /** Stream of events that do not name one. Default: `default`. */
  readonly stream?: string;
  /**
   * Stores only if the newest revision of the stream is this one; 0: it must not have any event.
   * Repeated by the SDK, a publication that had succeeded still succeeds. Default: any revision.
   */
  readonly expectedRevision?: number;
  /** For the publication with all its attempts, in milliseconds. Default: as long as `resume` lets it try. */
  readonly timeoutMs?: number;
  /** `false`: the first failure is final. Default: the client's policy. */
  readonly resume?: ResumePolicy | false;
}

/** An event that is durable. */
export interface Published {
  readonly id: string;
  /** Position in the whole log: grows strictly, not necessarily by one. */
  readonly sequence: number;
  /** Position in its stream: 1, 2, 3… without holes. */
  readonly streamRevision: number;
  /** An event of this id and content had been stored before, by an earlier attempt or an earlier process. */
  readonly duplicate: boolean;
  /** Position right after the publication that the event was part of: a watch from here gives what comes next. */
  readonly resumeToken: string;
}

export interface PublisherOptions extends Pick<CallOptions, "signal" | "headers"> {
  /** Stream of events that do not name one. Default: `default`. */
  readonly stream?: string;
  /**
   * Bytes of events that are not durable yet at which `ready()` begins to wait. Default 8 MiB. An
   * event that would make it more than twice as much is refused with RESOURCE_EXHAUSTED.
   */
  readonly maxPendingBytes?: number;
  /** Requests on their way at a time. Default 16. */
  readonly maxRequestsInFlight?: number;
  /**
   * Waiting events of one stream that go into one request, which holds 1 MiB at most. Default 500, at
   * most 1000. 1: every event is a request of its own.
   */
  readonly maxRequestEvents?: number;
  /** `false`: the first failure is final. Default: the client's policy. */
  readonly resume?: ResumePolicy | false;
}

/**
 * Publishes many events over one stream, without waiting for one before the next is sent. Goes on
 * after lost connections and restarts of the server: sends again, in order, what was not
 * acknowledged; ids make sure that nothing is stored twice.
 *
 * Events are stored in the order of the `publish` calls. Only if the server refuses an event that
 * had been put into one request with others (it has other content under the same id, say) are the
 * others sent again by themselves, after what was sent meanwhile. The same goes for what the server
 * could not store just then (its disk was full, say): `maxRequestsInFlight` 1 keeps the order even so.
 */
export interface Publisher extends AsyncDisposable {
  /**
   * Queues an event; resolves once it is durable. Needs no `await` before the next call, but do
   * `await publisher.ready()` in between. Needs no handler: `flush` and `close` tell of failures, too.
   *
   * @throws {StreamingError} why this event is not stored, all others go on: INVALID_ARGUMENT, ABORTED
   *   (IDEMPOTENCY_CONFLICT), RESOURCE_EXHAUSTED if too much waits already…; FAILED_PRECONDITION once the
   *   publisher is closed; what ended the publisher, once it has given up
   * @throws {TypeError} at once, for an unknown name or a content that cannot be serialized
   */
  publish(event: OutgoingEvent): Promise<Published>;
  /** Resolves when less than `maxPendingBytes` wait, or the publisher has ended. Never rejects. */
  ready(): Promise<void>;
  /**
   * Resolves once every event queued so far is durable.
   *
   * @throws {StreamingError} what the first event failed with since the last call, whether or not its own promise
   *   was looked at
   */
  flush(): Promise<void>;
  /** Takes no more events and waits for those it has. Rejects as `flush` does; may be called again. */
  close(): Promise<void>;
  /**
   * Closes, and rejects as `flush` does, so that no failure goes unnoticed. With `await using`, a block that was left
   * by an exception then throws a `SuppressedError`, whose `suppressed` is that exception.
   */
  [Symbol.asyncDispose](): Promise<void>;
  /** Bytes of events that are not durable yet. */
  readonly pendingBytes: number;
  /** Events that are not durable yet. */
  readonly pendingEvents: number;
}

/** An event as it is stored. */
export interface WatchedEvent {
  readonly id: string;
  readonly type: string;
  /** May be a view of a larger buffer: copy what is kept for long. */
  readonly payload: Uint8Array;
  /** Position in the whole log: grows strictly, not necessarily by one. */
  readonly sequence: number;
  readonly stream: string;
  /** Position in its stream: 1, 2, 3… without holes. */
  readonly streamRevision: number;
  /** Position right after this event: pass it as `from`. */
  readonly resumeToken: string;
  /** When it happened, as the publisher said; else when it was stored. */
  readonly timestamp: Date;
  /** When the server stored it. */
  readonly publishTime: Date;
  readonly attributes: Readonly<Record<string, string>>;
  /** Compaction key; empty for none. */
  readonly key: string;
  /** The key has no state any more. */
  readonly tombstone: boolean;
  /** Media type of the payload; empty if the publisher gave none. */
  readonly contentType: string;
  readonly source: string;
  /** Payload of the event before with the same key; only with `includePreviousPayload`, and if it is still kept. */
  readonly previousPayload: Uint8Array | undefined;
  /** The payload as UTF-8. */
  text(): string;
  /**
   * The payload as a JSON value.
   *
   * @throws {SyntaxError} if it is none
   */
  json(): unknown;
}

/**
 * Where to begin: with the oldest event kept, with the next one to be published, after what a token
 * stands for, at a sequence (inclusive), or with the first event stored at or after a moment.
 */
export type EventStart =
  | "beginning"
  | "end"
  | (string & Record<never, never>)
  | { readonly sequence: number }
  | { readonly since: Date };

/** Which events; what is left out selects all. */
export interface EventSelection {
  /** `order.*` means all types that begin with `order.`. At most 128. */
  readonly types?: readonly string[];
  /** In the same way: `orders/*`. Default: all streams whose name does not begin with `$`. At most 128. */
  readonly streams?: readonly string[];
  /**
   * CEL expression over `event` and, for JSON payloads, `payload`, of at most 4096 characters:
   * `event.attributes["region"] == "eu" && payload.total > 10.0`
   */
  readonly filter?: string;
}

/** How a watch goes on after a failure, and where it remembers its position across restarts. */
export interface WatchResumeOptions extends ResumePolicy {
  /**
   * Keeps the position, so that a watch with the same `key` in a later process goes on after the last
   * event that was finished: at its end, and at least every second. A position found there counts more
   * than `from`. Default: not kept.
   */
  readonly store?: ResumeStore;
  /** Names the position in `store`; needed with it. One watch at a time may use it. */
  readonly key?: string;
}

/** What a watch says when it has given out all that was stored. */
export interface CaughtUpAt {
  /** All selected events up to this sequence have been given out. */
  readonly sequence: number;
  readonly resumeToken: string;
}

export interface WatchOptions extends EventSelection, Pick<CallOptions, "signal" | "headers"> {
  /** Where to begin. Default: `end`. */
  readonly from?: EventStart;
  /** Ends after this many events, over all attempts. Default: never. */
  readonly limit?: number;
  /**
   * How often the server says that it is alive while it has nothing to send, in milliseconds. Default
   * 5_000; 1_000 to 600_000; 0: never, and then a connection that is silently dead is found by
   * HTTP/2 pings only.
   */
  readonly heartbeatMs?: number;
  /**
   * Silence after which the connection counts as lost and the watch goes on over another one, in
   * milliseconds, measured while the consumer waits. Default: 2.5 × `heartbeatMs`.
   */
  readonly idleTimeoutMs?: number;
  /** How long the server may hold an event back to send it together with others, in milliseconds. Default 5; at most 1000. */
  readonly batchDelayMs?: number;
  /** Leaves out payloads. Default false. */
  readonly omitPayload?: boolean;
  /** Fills `previousPayload`. Default false. */
  readonly includePreviousPayload?: boolean;
  /**
   * First gives the newest event of every key that has a state, then calls `onCaughtUp`, then goes on with
   * changes. After a failure in the middle of that, what follows may also hold older events of a key,
   * before its newest. Takes the place of `from`, unless that is a token (or one is in `resume.store`): then
   * the watch goes on there, without the state. Default false.
   */
  readonly sendInitialState?: boolean;
  /**
   * Called when all that was stored has been given out and finished: at the start, and again after each
   * reconnect or when the watch had fallen behind. What it throws fails the watch.
   */
  readonly onCaughtUp?: (position: CaughtUpAt) => void;
  /** `false`: the first failure is final. Default: the client's policy. */
  readonly resume?: WatchResumeOptions | false;
}

/**
 * Events, exactly once and in the order of the log, across lost connections, black holes, drains and
 * restarts of the server. Its position is a token: of the last event that the consumer has finished
 * by asking for the next one, or of a later place up to which nothing was selected.
 *
 * Holds one message of events at most (4 MiB), and the transport one more: a slow consumer holds up
 * nobody, the log is its buffer.
 *
 * @throws {StreamingError} from the loop: OUT_OF_RANGE (COMPACTED: `oldestPosition` is what can still be had;
 *   FUTURE_POSITION) or FAILED_PRECONDITION (EPOCH_CHANGED) if the position is lost, never silently going on
 *   elsewhere; DATA_LOSS if an event is missing: seen when one stream is watched as a whole;
 *   INVALID_ARGUMENT for a filter, a type or a token that is none; AbortError if `signal` aborted
 */
export interface EventWatch extends ResumableStream<WatchedEvent, string> {
  /**
   * Resolves when the watch is in place for the first time: everything published from then on will be
   * seen. Rejects if the watch ends before. Needs no handler.
   */
  readonly ready: Promise<void>;
}

export interface ReadOptions extends EventSelection, Pick<CallOptions, "signal" | "headers" | "idleTimeoutMs"> {
  /** Where to begin. Default: `beginning`, or `end` if backwards. */
  readonly from?: EventStart;
  /** Last sequence to read (backwards: the lowest); inclusive. Default: to the end of the log as it is. */
  readonly until?: number;
  /** From newer to older. Default false. */
  readonly backwards?: boolean;
  /** Most events. Default: no bound. */
  readonly limit?: number;
  /** Leaves out payloads. Default false. */
  readonly omitPayload?: boolean;
  /** Fills `previousPayload`. Default false. */
  readonly includePreviousPayload?: boolean;
  /** `false`: the first failure is final. Default: the client's policy. */
  readonly resume?: ResumePolicy | false;
}

export interface LogInfoOptions extends CallOptions {
  /** Also describe this stream. */
  readonly stream?: string;
}

/** What the log holds. */
export interface LogInfo {
  /** Changes when the log is built anew and positions lose their meaning. */
  readonly epoch: string;
  /** Oldest sequence kept; 0 if there is none. */
  readonly firstSequence: number;
  /** Newest sequence; 0 if there is none. */
  readonly lastSequence: number;
  /** Position after the newest event. */
  readonly resumeToken: string;
  /** Revisions of the stream that was asked for, 0 if it has none; else `undefined`. */
  readonly stream: { readonly name: string; readonly firstRevision: number; readonly lastRevision: number } | undefined;
}
