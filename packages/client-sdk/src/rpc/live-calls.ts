import { UnavailableError } from "../errors.js";
import { deferred } from "./deferred.js";

/** What a client does to a call when it is closed. */
export interface LiveCall {
  fail(error: UnavailableError): void;
}

/** The calls of one client that are under way, so that it can wait for them or end them. */
export class LiveCalls {
  readonly #calls = new Set<LiveCall>();
  readonly #closing = new AbortController();
  readonly #emptied = new Set<() => void>();
  #draining = false;

  get size(): number {
    return this.#calls.size;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Aborts when the client is closed; the reason is the error that its calls end with. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** @throws {UnavailableError} once the client is draining or closed */
  add(call: LiveCall, method: string): void {
    if (this.#draining) throw closedError(method);
    this.#calls.add(call);
  }

  delete(call: LiveCall): void {
    if (!this.#calls.delete(call) || this.#calls.size > 0) return;
    for (const resolve of this.#emptied) resolve();
    this.#emptied.clear();
  }

  /** Lets no more calls in; resolves when none is under way, or when `signal` aborts. */
  async drained(signal: AbortSignal): Promise<void> {
    this.#draining = true;
    if (this.#calls.size === 0 || signal.aborted) return;
    const { promise, resolve } = deferred();
    this.#emptied.add(resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    this.#emptied.delete(resolve);
  }

  /** Ends all calls. */
  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#draining = true;
    for (const call of [...this.#calls]) call.fail(closedError(""));
    this.#closing.abort(closedError(""));
  }
}

function closedError(method: string): UnavailableError {
  return new UnavailableError("the client was closed", { method });
}
