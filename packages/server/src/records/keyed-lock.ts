/** Lets one piece of work at a time run per key, in the order they came. Within this process. */
export class KeyedLock {
  /** The last work of each key; never rejects. */
  readonly #tails = new Map<string, Promise<unknown>>();

  /** Settles as `work`, which starts once all earlier work of `key` has settled. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const running = before.then(work);
    const tail = running
      .catch(() => {})
      .then(() => {
        if (this.#tails.get(key) === tail) this.#tails.delete(key);
      });
    this.#tails.set(key, tail);
    return running;
  }
}
