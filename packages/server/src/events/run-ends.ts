import type { FeedEvent } from "./feed.js";
import { Fifo } from "./fifo.js";

/** A run has had enough with so many events, or bytes as they are sent; it ends with the append that it is in then. */
const RUN_EVENTS = 256;
const RUN_BYTES = 64 * 1024;

/** Where the runs of a queue of events end that several readers are given, wherever each of them begins. */
export class RunEnds {
  /** Sequences of the last events of runs to which nothing can be added any more. */
  readonly #ends = new Fifo<number>();
  #newest: FeedEvent | undefined;
  /** Since the last end. */
  #events = 0;
  #bytes = 0;

  /** Notes the event that comes next. */
  add(event: FeedEvent): void {
    const isEnough = this.#events >= RUN_EVENTS || this.#bytes >= RUN_BYTES;
    if (isEnough && event.appendEnd !== this.#newest?.appendEnd) this.#end();
    this.#newest = event;
    this.#events += 1;
    this.#bytes += event.size;
  }

  /**
   * Notes events that come before all others, up to the sequence `until`: a run ends with the last of them, unless its
   * append goes on after that.
   */
  prepend(events: readonly FeedEvent[], until: number): void {
    const older = new RunEnds();
    for (const event of events) older.add(event);
    if ((events.at(-1)?.appendEnd ?? until) <= until) older.#end();
    this.#ends.prepend([...older.#ends.range(0)]);
  }

  /** The first end after `sequence`; `undefined` if events are still added to the run that comes then. */
  after(sequence: number): number | undefined {
    return this.#ends.at(this.#ends.indexOfFirst((end) => end > sequence));
  }

  /** Forgets the ends up to `sequence`. Returns whether there were any. */
  forgetUntil(sequence: number): boolean {
    const before = this.#ends.length;
    while ((this.#ends.at(0) ?? Infinity) <= sequence) this.#ends.shift();
    return this.#ends.length < before;
  }

  #end(): void {
    if (this.#newest !== undefined) this.#ends.push(this.#newest.log.sequence);
    this.#events = this.#bytes = 0;
  }
}
