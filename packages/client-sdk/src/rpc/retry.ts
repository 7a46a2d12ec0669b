import { type StreamingError, withHistory } from "../errors.js";
import type { ClientClock, RetryPolicy } from "../options.js";
import { AttemptLog } from "./attempt-log.js";
import { backoffMs, spreadRetryAfterMs } from "./backoff.js";
import type { RetryBudget } from "./retry-budget.js";
import { sleep } from "./system-clock.js";

/** What retries need besides the call itself. */
export interface RetryDeps {
  readonly clock: ClientClock;
  readonly random: () => number;
  readonly budget: RetryBudget;
  /** Ends the call; its reason, a StreamingError, is what the call rejects with. */
  readonly signal: AbortSignal;
  /** When the call ends by itself, in milliseconds since 1970. */
  readonly deadline: number | undefined;
  /** Called before each wait: failure number 1, 2, … and the delay in milliseconds. */
  readonly onWait: (error: StreamingError, failures: number, delayMs: number) => void;
}

/** How one attempt ended. */
export type Outcome<T> = { readonly value: T } | { readonly error: StreamingError };

const DEFAULT_MAX_ATTEMPTS = 5;

/**
 * Tries a call until it succeeds, its failure is final, or the policy's bounds or the client's
 * budget are reached. Refused credentials are worth one more attempt whatever the policy.
 *
 * @param attempt makes attempt number 1, 2, …; never rejects
 * @throws {StreamingError} the last failure, with all attempts
 */
export async function retrying<T>(
  policy: RetryPolicy | false,
  deps: RetryDeps,
  attempt: (number: number) => Promise<Outcome<T>>,
): Promise<T> {
  const log = new AttemptLog(deps.clock);
  let credentialsRenewed = false;
  for (;;) {
    const outcome = await attempt(log.begun);
    if ("value" in outcome) {
      deps.budget.succeeded();
      return outcome.value;
    }
    const { error } = outcome;
    log.add(error);
    const delayMs = delayAfter(error, log.begun, policy, credentialsRenewed, deps);
    if (delayMs === undefined) throw withHistory(error, { attempts: log.failed });
    deps.onWait(error, log.begun, delayMs);
    credentialsRenewed ||= error.kind === "unauthenticated";
    try {
      await sleep(deps.clock, delayMs, deps.signal);
    } catch {
      throw withHistory(deps.signal.reason as StreamingError, { attempts: log.failed });
    }
    log.next();
  }
}

/** `undefined`: no further attempt. */
function delayAfter(
  error: StreamingError,
  failures: number,
  policy: RetryPolicy | false,
  credentialsRenewed: boolean,
  { budget, random, deadline, clock, signal }: RetryDeps,
): number | undefined {
  if (!error.retryable || signal.aborted) return undefined;
  if (error.kind === "unauthenticated") return credentialsRenewed ? undefined : 0;
  budget.failed();
  if (policy === false || failures >= (policy.maxAttempts ?? DEFAULT_MAX_ATTEMPTS) || !budget.allowsRetry)
    return undefined;
  const delayMs =
    error.retryAfterMs === undefined
      ? backoffMs(failures, policy.backoff ?? {}, random)
      : spreadRetryAfterMs(error.retryAfterMs, random);
  return deadline !== undefined && clock.now() + delayMs >= deadline ? undefined : delayMs;
}
