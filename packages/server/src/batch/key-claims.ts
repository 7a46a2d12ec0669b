import { unlessAborted } from "./unless-aborted.js";

/** Lets one item at a time run per idempotency key. Within this process. */
export class KeyClaims {
  readonly #held = new Map<string, Promise<void>>();

  /**
   * Waits until nobody holds `key`, and holds it until the returned function is called.
   *
   * @throws the reason of `signal` once it aborts
   */
  async claim(key: string, signal: AbortSignal): Promise<() => void> {
    for (let holder = this.#held.get(key); holder !== undefined; holder = this.#held.get(key)) {
      await unlessAborted(holder, signal);
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held.set(key, promise);
    return () => {
      this.#held.delete(key);
      resolve();
    };
  }
}
