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
    this.#isEnded = true;
    this.#cursor.wake();
  }

  /** Rests; not longer than until the log has reached the sequence `reach`. @throws the call's reason to stop */
  async take(reach: number): Promise<void> {
    this.#call.throwIfAborted();
    if (!this.#isEnded) await this.#cursor.untilMatch(undefined, reach);
    this.#isEnded = false;
    this.#call.throwIfAborted();
  }

  [Symbol.dispose](): void {
    this.#call.removeEventListener("abort", this.#onAbort);
  }
}
