import { CancelledError, StreamingError, withHistory } from "../errors.js";
import type { ClientClock, ResumePolicy } from "../options.js";
import { AttemptLog } from "./attempt-log.js";
import { backoffMs, spreadRetryAfterMs } from "./backoff.js";
import { sleep, systemClock } from "./system-clock.js";

/**
 * Decides, for one resumable call, whether and when to try again: the shared core of watches,
 * downloads, uploads and listings.
 */
export interface ResumeLoop {
  /** Number of attempts begun. */
  readonly attempts: number;
  /** The server or the consumer got further: the count of failures and the elapsed time start anew. */
  progressed(): void;
  /**
   * Called with what ended an attempt, in whatever form. Resolves after the backoff (RetryInfo
   * honoured) when another attempt makes sense.
   *
   * @throws {StreamingError} the failure, with all attempts and the position, when it is final:
   *   not retryable, bounds reached, the caller's signal aborted
   * @throws whatever it was called with, if that is no StreamingError
   */
  waitAfter(error: unknown, position?: string): Promise<void>;
}

/** Whether a failure may go away by itself: UNAVAILABLE, a lost connection, a cancel that the caller did not cause… */
export type ShouldResume = (error: StreamingError) => boolean;

export interface ResumeLoopOptions {
  /** `false`: the first failure is final. Default: the defaults of {@link ResumePolicy}. */
  readonly policy?: ResumePolicy | false | undefined;
  /** The caller's: ends the loop, also during a backoff. */
  readonly signal?: AbortSignal | undefined;
  /** The client's: aborts when it is closed, with the error that its calls then fail with. */
  readonly closing?: AbortSignal | undefined;
  /** Called before each backoff, which is `delayMs` long, after failure number `failures` in a row. */
  readonly onWait?: ((error: StreamingError, failures: number, delayMs: number) => void) | undefined;
  /** Called when the call gets further again, `lostMs` after the failure that it went on after. */
  readonly onResumed?: ((position: string | undefined, method: string, lostMs: number) => void) | undefined;
  readonly clock?: ClientClock | undefined;
  /** Uniform in [0, 1). Default: Math.random. */
  readonly random?: (() => number) | undefined;
}

const DEFAULT_MAX_ELAPSED_MS = 600_000;
const NEVER: AbortSignal = new AbortController().signal;

/** A loop whose first attempt begins now. */
export function openResumeLoop(options: ResumeLoopOptions = {}): ResumeLoop {
  return new PolicyResumeLoop(options);
}

class PolicyResumeLoop implements ResumeLoop {
  readonly #options: ResumeLoopOptions;
  readonly #policy: ResumePolicy | false;
  readonly #clock: ClientClock;
  readonly #random: () => number;
  readonly #signal: AbortSignal;
  readonly #log: AttemptLog;
  #failures = 0;
  #progressedAt: number;
  #credentialsRenewed = false;
  #interruption: { readonly at: number; readonly method: string; readonly position: string | undefined } | undefined;

  constructor(options: ResumeLoopOptions) {
    this.#options = options;
    this.#policy = options.policy ?? {};
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    const { signal, closing } = options;
    this.#signal = signal && closing ? AbortSignal.any([signal, closing]) : (signal ?? closing ?? NEVER);
    this.#log = new AttemptLog(this.#clock);
    this.#progressedAt = this.#clock.now();
  }

  get attempts(): number {
    return this.#log.begun;
  }

  progressed(): void {
    this.#failures = 0;
    this.#credentialsRenewed = false;
    this.#progressedAt = this.#clock.now();
    if (this.#interruption === undefined) return;
    const { at, method, position } = this.#interruption;
    this.#interruption = undefined;
    this.#options.onResumed?.(position, method, this.#progressedAt - at);
  }

  async waitAfter(error: unknown, position?: string): Promise<void> {
    if (!StreamingError.is(error)) throw error;
    this.#failures++;
    this.#log.add(error);
    this.#interruption ??= { at: this.#clock.now(), method: error.method, position };
    const history = { attempts: this.#log.failed, position };
    if (this.#signal.aborted) throw withHistory(abortedBy(this.#signal, error.method), history);
    const delayMs = this.#delayAfter(error);
    if (delayMs === undefined) throw withHistory(error, history);
    this.#options.onWait?.(error, this.#failures, delayMs);
    try {
      await sleep(this.#clock, delayMs, this.#signal);
    } catch {
      throw withHistory(abortedBy(this.#signal, error.method), history);
    }
    this.#log.next();
  }

  /** `undefined`: no further attempt. */
  #delayAfter(error: StreamingError): number | undefined {
    const policy = this.#policy;
    if (policy === false || !this.#isWorthAnother(error, policy.shouldResume)) return undefined;
    if (this.#failures >= (policy.maxAttempts ?? Infinity)) return undefined;
    const delayMs =
      error.retryAfterMs === undefined
        ? backoffMs(this.#failures, policy.backoff ?? {}, this.#random)
        : spreadRetryAfterMs(error.retryAfterMs, this.#random);
    // A stream that was quiet for long before it failed has lost no time yet.
    const elapsedMs = this.#clock.now() - (this.#interruption?.at ?? this.#progressedAt);
    return elapsedMs + delayMs > (policy.maxElapsedMs ?? DEFAULT_MAX_ELAPSED_MS) ? undefined : delayMs;
  }

  #isWorthAnother(error: StreamingError, shouldResume: ShouldResume = (failure) => failure.retryable): boolean {
    if (error.kind !== "unauthenticated") return shouldResume(error);
    // New credentials that are refused as well will not get better.
    const isFirst = !this.#credentialsRenewed;
    this.#credentialsRenewed = true;
    return isFirst && error.retryable;
  }
}

/** The error of whatever `signal` ended; a StreamingError that is the signal's reason stays itself. */
export function abortedBy(signal: AbortSignal, method: string): StreamingError {
  const reason: unknown = signal.reason;
  if (StreamingError.is(reason)) return reason;
  return new CancelledError("cancelled by the caller", { method, cause: reason });
}
