/** One of several streams, and what it gave. */
interface Arrival<T> {
  readonly source: AsyncGenerator<T, void, undefined>;
  readonly result: IteratorResult<T, void> | { readonly failure: unknown };
}

/**
 * Several streams as one, each in its turn. Holds one item of each: a stream is asked for its next item when the one
 * before is taken. Sources may come while it is read.
 */
export class FanIn<T> {
  readonly #signal: AbortSignal;
  readonly #sources = new Set<AsyncGenerator<T, void, undefined>>();
  readonly #arrived: Arrival<T>[] = [];
  #isComplete = false;
  #failure: { readonly reason: unknown } | undefined;
  #wake: () => void = () => {};

  /** @param signal ends it */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  add(source: AsyncGenerator<T, void, undefined>): void {
    this.#sources.add(source);
    this.#pull(source);
  }

  /** There will be no more sources: it ends with the last. */
  complete(): void {
    this.#isComplete = true;
    this.#wake();
  }

  fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#wake();
  }

  /** All items. @throws what a source throws, what it was failed with, the signal's reason */
  async *items(): AsyncGenerator<T, void, undefined> {
    const onAbort = (): void => this.#wake();
    this.#signal.addEventListener("abort", onAbort);
    try {
      for (;;) {
        this.#signal.throwIfAborted();
        if (this.#failure !== undefined) throw this.#failure.reason;
        const arrival = this.#arrived.shift();
        if (arrival !== undefined) yield* this.#take(arrival);
        else if (this.#isComplete && this.#sources.size === 0) return;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.#signal.removeEventListener("abort", onAbort);
      await Promise.allSettled([...this.#sources].map((source) => source.return()));
    }
  }

  *#take({ source, result }: Arrival<T>): Generator<T, void, undefined> {
    if ("failure" in result) throw result.failure;
    if (result.done === true) {
      this.#sources.delete(source);
      return;
    }
    this.#pull(source);
    yield result.value;
  }

  #pull(source: AsyncGenerator<T, void, undefined>): void {
    const arrive = (result: Arrival<T>["result"]): void => {
      this.#arrived.push({ source, result });
      this.#wake();
    };
    source.next().then(arrive, (failure: unknown) => arrive({ failure }));
  }
}
