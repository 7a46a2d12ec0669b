/** What a pipeline holds, at most, before it has room again; one request may be larger. */
const MAX_APPENDS = 256;
const MAX_BYTES: number = 4 * 1024 * 1024;

interface Held<T> {
  readonly answer: Promise<T>;
  readonly bytes: number;
}

/**
 * Answers that are on their way, given out in the order in which they were asked for. Holds at most 256 of them and
 * 4 MiB of requests, and one request more. One side adds, one takes.
 */
export class AppendPipeline<T> {
  readonly #held: Held<T>[] = [];
  #bytes = 0;
  #closed = false;
  #wake = (): void => {};

  get closed(): boolean {
    return this.#closed;
  }

  /** Nothing is added any more; what is there can still be taken. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** Adds an answer, which must not reject. Resolves when there is room for another one, or it is closed. */
  async add(answer: Promise<T>, bytes: number): Promise<void> {
    this.#held.push({ answer, bytes });
    this.#bytes += bytes;
    this.#wake();
    while (!this.#closed && (this.#held.length >= MAX_APPENDS || this.#bytes >= MAX_BYTES)) await this.#change();
  }

  /** The oldest answer; `undefined` once it is closed and empty. */
  async take(): Promise<T | undefined> {
    while (this.#held.length === 0 && !this.#closed) await this.#change();
    const oldest = this.#held[0];
    if (oldest === undefined) return undefined;
    const answer = await oldest.answer;
    this.#held.shift();
    this.#bytes -= oldest.bytes;
    this.#wake();
    return answer;
  }

  /** Only one side waits at a time: the one when there is nothing, the other when there is too much. */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
