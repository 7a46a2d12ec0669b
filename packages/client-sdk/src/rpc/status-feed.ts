import type { StreamingError } from "../errors.js";

/** What happens to a client's connection and to the calls that resume themselves. */
export type ClientStatus =
  | { readonly type: "connecting"; readonly target: string; readonly attempt: number }
  | { readonly type: "ready"; readonly target: string }
  | { readonly type: "disconnected"; readonly target: string }
  /** A call waits before its next attempt. */
  | {
      readonly type: "backoff";
      readonly method: string;
      readonly attempt: number;
      readonly delayMs: number;
      readonly error: StreamingError;
    }
  /** A server said that it is about to stop. */
  | { readonly type: "server-draining"; readonly reconnectAfterMs: number | undefined }
  /** A resumable call goes on after a failure; `position` is where. */
  | {
      readonly type: "resumed";
      readonly method: string;
      readonly position: string | undefined;
      readonly lostMs: number;
    };

/** Statuses that wait for a slow reader: then the oldest go. */
const MAX_WAITING = 64;

/** Gives every reader the statuses published since it began to read; a reader that nobody reads costs 64 of them. */
export class StatusFeed {
  readonly #readers = new Set<StatusReader>();
  #isClosed = false;

  publish(status: ClientStatus): void {
    for (const reader of this.#readers) reader.add(status);
  }

  /** Ends all readers, after what they have not read yet. */
  close(): void {
    this.#isClosed = true;
    for (const reader of this.#readers) reader.end();
  }

  /** Begins to listen at once. */
  read(): AsyncIterableIterator<ClientStatus, undefined, undefined> {
    const reader = new StatusReader(() => this.#readers.delete(reader));
    if (this.#isClosed) reader.end();
    else this.#readers.add(reader);
    return reader;
  }
}

class StatusReader implements AsyncIterableIterator<ClientStatus, undefined, undefined> {
  readonly #leave: () => void;
  #waiting: ClientStatus[] = [];
  #nexts: ((result: IteratorResult<ClientStatus, undefined>) => void)[] = [];
  #isEnded = false;

  constructor(leave: () => void) {
    this.#leave = leave;
  }

  add(status: ClientStatus): void {
    const next = this.#nexts.shift();
    if (next !== undefined) return next({ done: false, value: status });
    this.#waiting = [...this.#waiting, status].slice(-MAX_WAITING);
  }

  end(): void {
    this.#isEnded = true;
    this.#leave();
    for (const next of this.#nexts.splice(0)) next({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<ClientStatus, undefined>> {
    const status = this.#waiting.shift();
    if (status !== undefined) return Promise.resolve({ done: false, value: status });
    if (this.#isEnded) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#nexts.push(resolve));
  }

  return(): Promise<IteratorResult<ClientStatus, undefined>> {
    this.#waiting = [];
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<ClientStatus, undefined, undefined> {
    return this;
  }
}
