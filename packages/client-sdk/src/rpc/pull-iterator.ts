/**
 * Iterates over what `pull` gives, until that is `undefined` or an error. An async generator would
 * not do: its `return()` waits for a pending `next()`. Here it ends the loop at once and silently.
 */
export class PullIterator<T> implements AsyncIterator<T, undefined, undefined> {
  readonly #pull: () => Promise<T | undefined>;
  readonly #leave: () => void;
  /** Settles when the `next()` before has: they are answered in order. */
  #turn: Promise<unknown> = Promise.resolve();
  #isOver = false;

  /**
   * @param pull makes the next item; called one at a time, never again once it failed or gave `undefined`
   * @param leave called when the consumer leaves early: makes a pending `pull` settle
   */
  constructor(pull: () => Promise<T | undefined>, leave: () => void) {
    this.#pull = pull;
    this.#leave = leave;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const result = this.#turn.then(() => this.#step());
    this.#turn = result.then(ignore, ignore);
    return result;
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.stop();
    return Promise.resolve({ done: true, value: undefined });
  }

  throw(error: unknown): Promise<IteratorResult<T, undefined>> {
    this.stop();
    return Promise.reject(error);
  }

  /** Ends the loop silently: a pending `next()` and all later ones are done. */
  stop(): void {
    this.#isOver = true;
    this.#leave();
  }

  async #step(): Promise<IteratorResult<T, undefined>> {
    try {
      const value = this.#isOver ? undefined : await this.#pull();
      if (value !== undefined && !this.#isOver) return { done: false, value };
    } catch (error) {
      // A consumer that has left does not want to hear of it.
      if (!this.#isOver) {
        this.#isOver = true;
        throw error;
      }
    }
    this.#isOver = true;
    return { done: true, value: undefined };
  }
}

function ignore(): void {}
