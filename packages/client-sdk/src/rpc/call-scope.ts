import { CancelledError, DeadlineExceededError, type StreamingError } from "../errors.js";
import type { CallOptions, ClientClock } from "../options.js";
import type { LiveCalls } from "./live-calls.js";
import { MAX_TIMER_MS } from "./system-clock.js";

/**
 * The life of one call as its caller sees it, with all its attempts: ends early by the caller's
 * `signal`, by `timeoutMs`, or with the client. Holds one listener and one timer until `end`.
 */
export class CallScope {
  readonly method: string;
  /** In milliseconds since 1970. */
  readonly deadline: number | undefined;
  readonly #calls: LiveCalls;
  readonly #callerSignal: AbortSignal | undefined;
  readonly #controller = new AbortController();
  readonly #stopTimer: (() => void) | undefined;

  /**
   * @throws {RangeError} if `timeoutMs` is no time that can be waited for
   * @throws {UnavailableError} once the client is draining or closed
   */
  constructor(method: string, options: CallOptions, clock: ClientClock, calls: LiveCalls) {
    checkTimeout("timeoutMs", options.timeoutMs);
    checkTimeout("idleTimeoutMs", options.idleTimeoutMs);
    this.method = method;
    this.#calls = calls;
    calls.add(this, method);
    const { signal, timeoutMs } = options;
    if (timeoutMs !== undefined) {
      this.deadline = clock.now() + timeoutMs;
      this.#stopTimer = clock.after(timeoutMs, () => this.#timeOut(timeoutMs));
    }
    this.#callerSignal = signal;
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (signal?.aborted === true) this.#onAbort();
  }

  /** Aborts when the call ends early; the reason is the {@link StreamingError} it ends with. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What the call ended early with. */
  get failure(): StreamingError | undefined {
    return this.#controller.signal.aborted ? (this.#controller.signal.reason as StreamingError) : undefined;
  }

  /** Ends the call early; the first error counts. */
  fail(error: StreamingError): void {
    this.#controller.abort(error);
  }

  /** The call is over: gives back everything. */
  end(): void {
    this.#stopTimer?.();
    this.#callerSignal?.removeEventListener("abort", this.#onAbort);
    this.#calls.delete(this);
  }

  readonly #onAbort = (): void => {
    this.fail(
      new CancelledError("cancelled by the caller", { method: this.method, cause: this.#callerSignal?.reason }),
    );
  };

  #timeOut(timeoutMs: number): void {
    const message = `${this.method} took longer than ${String(timeoutMs)} ms`;
    this.fail(new DeadlineExceededError(message, { method: this.method }));
  }
}

function checkTimeout(name: string, ms: number | undefined): void {
  if (ms === undefined || (ms >= 0 && ms <= MAX_TIMER_MS)) return;
  throw new RangeError(`${name} is ${String(ms)}, not between 0 and ${String(MAX_TIMER_MS)} (leave it out for none)`);
}
