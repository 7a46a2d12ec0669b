import type { FeedCursor } from "./feed.js";

/** A reader's rest, until there may be something to read, somebody ends it, or its call is to stop. */
export class Rest implements Disposable {
  readonly #cursor: FeedCursor;
  readonly #call: AbortSignal;
  readonly #onAbort = (): void => this.end();
  #isEnded = false;

  /** Nobody else may wait with `cursor`. */
  constructor(cursor: FeedCursor, call: AbortSignal) {
    this.#cursor = cursor;
    this.#call = call;
    call.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Ends the rest, or the next one if there is none. */
  end(): void {
    if (!this.#cursor.wake()) this.#isEnded = true;
  }

  /**
   * Rests; not longer than until the log has reached the sequence `reach`. Resolves also when the call is to stop.
   *
   * @throws the call's reason to stop if it is known already
   */
  take(reach: number): Promise<void> {
    this.#call.throwIfAborted();
    if (!this.#isEnded) return this.#cursor.untilMatch(undefined, reach);
    this.#isEnded = false;
    return Promise.resolve();
  }

  [Symbol.dispose](): void {
    this.#call.removeEventListener("abort", this.#onAbort);
  }
}
