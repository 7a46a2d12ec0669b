import type { Clock } from "../../ports/clock.js";
import { PositionCompacted } from "../../ports/event-log.js";
import type { EventFeed, FeedCursor, Selection, SkippedPart } from "../feed.js";

import type { Ledger } from "./ledger.js";
import type { Work, WorkQueue } from "./work-queue.js";

const MIB = 1024 * 1024;

/** Events that may be unfinished behind the newest one that was read: with more, no further ones are read. */
export const MAX_UNFINISHED = 10_000;

/** Events of a subscription that are kept in memory, in bytes: with more, no further ones are read. */
const MAX_BYTES = 32 * MIB;

/** Events that are ready for consumers: with more, no further ones are read. */
const MAX_READY = 1000;

const MAX_READ_EVENTS = 500;
const MAX_READ_BYTES = 1 * MIB;

export interface LogReaderOptions {
  readonly feed: EventFeed;
  readonly selection: Selection;
  readonly queue: WorkQueue;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Called when there is something new in the queue. */
  readonly onWork: () => void;
  /** Called when events are gone from the log before they could be delivered. */
  readonly onGap: (skipped: SkippedPart) => void;
  /** Called when the log cannot be read; nothing comes after it. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Fills the queue of a subscription while it has consumers: first with what was left undone, then with
 * what is asked back, then with the log. Once a bound above is reached it waits; one read may go beyond it.
 */
export class LogReader {
  readonly #options: LogReaderOptions;
  readonly #cursor: FeedCursor;
  #isStopped = false;
  #isCaughtUp = false;
  #isWaitingForMatch = false;
  /** Ends the wait for room, if that is what goes on. */
  #onRoom: () => void = () => {};
  /** Ends any wait. */
  #interrupt: () => void = () => {};

  constructor(options: LogReaderOptions) {
    this.#options = options;
    this.#cursor = options.feed.open(options.selection, options.ledger.scannedTo);
  }

  start(): void {
    void this.#run();
  }

  /** Nothing is put into the queue after this. */
  stop(): void {
    // While nothing matches the cursor moves on by itself: the next reader need not search there again.
    if (this.#isWaitingForMatch) this.#options.ledger.scannedTo = this.#cursor.position;
    this.#isStopped = true;
    this.#interrupt();
  }

  /** Call it when the queue has shrunk. */
  roomMade(): void {
    if (this.#hasRoom) this.#onRoom();
  }

  /** Call it when events were asked back. */
  nudge(): void {
    this.#interrupt();
  }

  get #hasRoom(): boolean {
    const { queue } = this.#options;
    const isFull = queue.unread === 0 && queue.held >= MAX_UNFINISHED; // what is unread takes no further place
    return !isFull && queue.bytes < MAX_BYTES && queue.ready < MAX_READY;
  }

  async #run(): Promise<void> {
    try {
      while (!this.#isStopped) await this.#step();
    } catch (error) {
      if (!this.#isStopped) this.#options.onFailure(error);
    } finally {
      this.#cursor[Symbol.dispose]();
    }
  }

  async #step(): Promise<void> {
    const { queue, ledger } = this.#options;
    if (!this.#hasRoom) await this.#untilRoom();
    else if (queue.unread > 0) await this.#readAgain(queue.listUnread());
    else if (ledger.owesReplays) await ledger.replaySome(() => !this.#isStopped);
    else if (this.#isCaughtUp) await this.#untilMatch();
    else await this.#readOn();
  }

  async #readOn(): Promise<void> {
    const { queue, ledger, onWork } = this.#options;
    try {
      const run = await this.#cursor.next({ maxEvents: MAX_READ_EVENTS, maxBytes: MAX_READ_BYTES });
      if (this.#isStopped) return;
      for (const event of run.events) queue.add(event);
      ledger.scannedTo = run.position;
      this.#isCaughtUp = run.caughtUp && run.events.length === 0;
      onWork();
    } catch (error) {
      if (!(error instanceof PositionCompacted)) throw error;
      if (!this.#isStopped) this.#skipTo(error.firstSequence);
    }
  }

  /** Retention was faster than the consumers. */
  #skipTo(firstSequence: number): void {
    const { ledger, onGap } = this.#options;
    const skipped = this.#cursor.skipTo(firstSequence - 1);
    ledger.scannedTo = skipped.toSequence;
    onGap(skipped);
  }

  /** Reads the first of the events that are known by their sequence, and those that are near it. */
  async #readAgain(unread: readonly Work[]): Promise<void> {
    const first = unread[0]?.sequence ?? 0;
    const near = unread.filter(({ sequence }) => sequence < first + MAX_READ_EVENTS);
    const maxEvents = (near.at(-1)?.sequence ?? first) - first + 1;
    const { feed, selection, queue, clock, onWork } = this.#options;
    using cursor = feed.open(selection, first - 1);
    try {
      const { events, position, caughtUp } = await cursor.next({ maxEvents, maxBytes: MAX_READ_BYTES });
      if (this.#isStopped) return;
      const found = new Map(events.map((event) => [event.log.sequence, event]));
      const gone: Work[] = [];
      // `caughtUp`: a log that ends before the event has lost it.
      for (const work of near.filter(({ sequence }) => caughtUp || sequence <= position)) {
        const event = found.get(work.sequence);
        if (event === undefined) gone.push(work);
        else queue.load(work, event, clock.monotonicMs());
      }
      this.#drop(gone);
      onWork();
    } catch (error) {
      if (!(error instanceof PositionCompacted)) throw error;
      if (!this.#isStopped) this.#drop(unread.filter(({ sequence }) => sequence < error.firstSequence));
    }
  }

  #drop(gone: readonly Work[]): void {
    const { queue, onGap } = this.#options;
    for (const work of gone) queue.drop(work);
    const [first, last] = [gone[0], gone.at(-1)];
    if (first === undefined || last === undefined) return;
    onGap({ fromSequence: first.sequence, toSequence: last.sequence, count: gone.length });
  }

  #untilRoom(): Promise<void> {
    return new Promise((resolve) => {
      this.#onRoom = resolve;
      this.#interrupt = resolve;
    });
  }

  async #untilMatch(): Promise<void> {
    const interrupted = new AbortController();
    this.#isCaughtUp = false;
    this.#isWaitingForMatch = true;
    this.#interrupt = () => interrupted.abort();
    try {
      await this.#cursor.untilMatch(interrupted.signal);
    } catch (error) {
      if (!interrupted.signal.aborted) throw error;
    } finally {
      this.#isWaitingForMatch = false;
    }
  }
}
