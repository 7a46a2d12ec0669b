/** How much of a result may still be sent. */
export class Credit {
  #rows: number;
  #bytes: number;
  #onMore: () => void = () => {};

  /** @param rows Infinity: without bound; so `bytes` */
  constructor(rows: number, bytes: number) {
    this.#rows = rows;
    this.#bytes = bytes;
  }

  /** Rows that may be sent now. */
  get rows(): number {
    return this.#bytes > 0 ? this.#rows : 0;
  }

  add(rows: number, bytes: number): void {
    this.#rows += rows;
    this.#bytes += bytes;
    if (this.rows > 0) this.#onMore();
  }

  /** What was sent. Bytes beyond the credit are forgotten: whatever is added later lets something be sent. */
  spend(rows: number, bytes: number): void {
    this.#rows -= rows;
    this.#bytes = Math.max(0, this.#bytes - bytes);
  }

  /** Resolves when there is some. @throws the signal's reason once it aborts */
  async untilMore(signal: AbortSignal): Promise<void> {
    if (this.rows > 0) return;
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => reject(signal.reason);
    this.#onMore = resolve;
    signal.addEventListener("abort", onAbort, { once: true });
    await promise.finally(() => signal.removeEventListener("abort", onAbort));
  }
}
