import type { Event } from "@millrace/shared-types";

import type { LogEvent } from "../ports/event-log.js";

import type { EventFilter } from "./filter/event-filter.js";

/** Which events a reader wants. */
export interface Selection {
  /** `order.*` means all types that begin with `order.`. None: all. */
  readonly types: readonly string[];
  /** In the same way. None: all whose name does not begin with `$`. */
  readonly streams: readonly string[];
  readonly filter?: EventFilter | undefined;
}

/** A stored event on its way to readers. What is made of it is made once and shared by all of them. */
export interface FeedEvent {
  readonly log: LogEvent;
  /** As {@link log} has it. */
  readonly appendEnd: number;
  /** As it is sent, about, in bytes. */
  readonly size: number;
  /** Position right after this event. */
  readonly resumeToken: string;
  /** As a message, with everything but `previous_payload`. */
  readonly message: Event;
  /** `message`, serialized. */
  readonly bytes: Uint8Array;
  /** `message` without its payload, serialized. */
  readonly bytesWithoutPayload: Uint8Array;
}

/** What a cursor found. */
export interface FeedRun {
  /** In order; whole appends. May be empty. */
  readonly events: readonly FeedEvent[];
  /** Everything that matches up to this sequence has been given out. */
  readonly position: number;
  /** There was nothing more when the run was made. */
  readonly caughtUp: boolean;
}

/** How much a run may hold, in whole appends: one that is larger than this is a run of its own. */
export interface RunLimits {
  readonly maxEvents: number;
  /** As events are sent, about. */
  readonly maxBytes: number;
  /** From storage, another run of this size is read while this one is sent. Default false. */
  readonly readsAhead?: boolean;
  /**
   * From memory, the reader is given the same runs as all others who say so: about 256 events or 64 KiB, and the append that is
   * not whole then, whatever the limits are. Default false.
   */
  readonly sharesRuns?: boolean;
}

/** A part of the log that a reader left out. */
export interface SkippedPart {
  readonly fromSequence: number;
  readonly toSequence: number;
  /** How many of its events match; `undefined` if nobody has counted. */
  readonly count: number | undefined;
}

/** A reader's place in the log. It holds no events: the log is the buffer. One call at a time. */
export interface FeedCursor extends Disposable {
  /** Everything that matches up to this sequence has been given out. Moves on by itself while nothing matches. */
  readonly position: number;
  /** Whether what comes next is in memory; else the reader is behind. */
  readonly isInMemory: boolean;
  /**
   * The next run: at once from memory if the reader is near the end, else from storage. Does not wait for events.
   *
   * @throws {PositionCompacted} if retention has overtaken the reader
   * @throws ServiceError `DRAINING` if the feed is closed
   */
  next(limits: RunLimits): FeedRun | Promise<FeedRun>;
  /**
   * Resolves when there may be an event to give out, when the log has reached the sequence `reach`, or with
   * `wake`. Rejects with the signal's reason, or as `next` does when the feed is closed.
   */
  untilMatch(signal?: AbortSignal, reach?: number): Promise<void>;
  /** Ends a wait. Returns whether there was one. */
  wake(): boolean;
  /** Goes on with what is in memory. */
  skipToMemory(): SkippedPart;
  /** Goes on after `sequence`. */
  skipTo(sequence: number): SkippedPart;
}

/** The log as readers see it: a bounded tail in memory, storage behind it, and who waits for what. */
export interface EventFeed extends AsyncDisposable {
  readonly epoch: string;
  /** Newest sequence that readers can have. */
  readonly lastSequence: number;
  /** Opens a cursor behind the sequence `after`. What is stored after this returns is not missed. */
  open(selection: Selection, after: number): FeedCursor;
}
