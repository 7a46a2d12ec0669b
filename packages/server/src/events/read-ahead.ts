import type { RunLimits } from "./feed.js";
import type { SelectionReader, StoredRun } from "./selection-reader.js";

interface PendingRun extends RunLimits {
  readonly after: number;
  readonly run: Promise<StoredRun>;
}

/**
 * Reads a selection from storage, forwards. While one run is being sent, the next one is read, if that is wanted: it
 * holds that one at most, within the limits of the one before.
 */
export class ReadAhead {
  readonly #reader: SelectionReader;
  readonly #lastSequence: () => number;
  #next: PendingRun | undefined;

  /** @param lastSequence where the log ends now */
  constructor(reader: SelectionReader, lastSequence: () => number) {
    this.#reader = reader;
    this.#lastSequence = lastSequence;
  }

  /**
   * The run after `after`. It was read when the one before was given out, if that one ended there.
   *
   * @throws {PositionCompacted} if events after `after` were trimmed
   */
  async read(after: number, limits: RunLimits): Promise<StoredRun> {
    const run = await (this.#taken(after, limits) ?? this.#start(after, limits));
    if (limits.readsAhead === true && run.events.length > 0 && !run.exhausted) this.#begin(run.scannedTo, limits);
    return run;
  }

  /** Lets go of what was read: the reader goes on elsewhere. */
  forget(): void {
    this.#next = undefined;
  }

  #taken(after: number, { maxEvents, maxBytes }: RunLimits): Promise<StoredRun> | undefined {
    const next = this.#next;
    this.#next = undefined;
    const isWanted = next?.after === after && next.maxEvents === maxEvents && next.maxBytes === maxBytes;
    return isWanted ? next.run : undefined;
  }

  #begin(after: number, { maxEvents, maxBytes }: RunLimits): void {
    const run = this.#start(after, { maxEvents, maxBytes });
    run.catch(() => {}); // whoever takes it is told
    this.#next = { after, maxEvents, maxBytes, run };
  }

  #start(after: number, limits: RunLimits): Promise<StoredRun> {
    return this.#reader.read({ after, until: this.#lastSequence() }, limits);
  }
}
