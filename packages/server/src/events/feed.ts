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
  /** Position right after this event. */
  readonly resumeToken: string;
  /** As a message, with everything but `previous_payload`. */
  readonly message: Event;
  /** `message`, serialized. */
  readonly bytes: Uint8Array;
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

/** A reader's place in the log. It holds no events: the log is the buffer. One call at a time. */
export interface FeedCursor extends Disposable {
  /** Everything that matches up to this sequence has been given out. */
  readonly position: number;
  /**
   * The next run, of at most `maxEvents` and `maxBytes` (but whole appends): from memory if the reader
   * is near the end, else from storage. Does not wait for events.
   *
   * @throws {PositionCompacted} if retention has overtaken the reader
   */
  next(limits: { readonly maxEvents: number; readonly maxBytes: number }): Promise<FeedRun>;
  /** Resolves when `next` would give an event. Rejects with the signal's reason. */
  untilMatch(signal: AbortSignal): Promise<void>;
}

/** The log as readers see it: a bounded tail in memory, storage behind it, and who waits for what. */
export interface EventFeed extends AsyncDisposable {
  readonly epoch: string;
  /** Newest sequence that readers can have. */
  readonly lastSequence: number;
  /** Opens a cursor behind the sequence `after`. What is stored after this returns is not missed. */
  open(selection: Selection, after: number): FeedCursor;
}
