import { durationOfMs, ProcessOutcome, ProcessResult, ServiceError, StatusCode } from "@millrace/shared-types";

import { checkLimit } from "../events/check-limit.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../rpc/logger.js";
import { StatusError } from "../rpc/status-error.js";

import type { BatchItem } from "./batch-item.js";
import { MAX_NAME_BYTES, MAX_OUTPUT_BYTES } from "./batch-limits.js";
import { failureOf, isWorthAnother, statusOfFailure } from "./item-failure.js";
import type { Processor, ProcessorContext } from "./processor.js";
import { unlessAborted } from "./unless-aborted.js";

/** How long a processor that should stop is waited for, in milliseconds. */
const STOP_GRACE_MS = 1000;

const MIN_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 5000;

/** What running an item needs. */
export interface ItemRun {
  readonly item: BatchItem;
  readonly processor: Processor;
  /** Of the item; each attempt adds its own. */
  readonly context: Omit<ProcessorContext, "signal" | "attempt">;
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  /** Aborts when nobody wants the outcome now. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Under which an unforeseen failure is found in the log. */
  readonly errorId: string;
}

/**
 * Runs an item until it succeeds, fails for good, or has had its attempts.
 *
 * @throws the reason of `signal`, if that aborted and the processor gave nothing within a second: there is no outcome
 */
export async function runItem(run: ItemRun): Promise<ProcessResult> {
  const { item, clock } = run;
  const startedMs = clock.monotonicMs();
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await outcomeOf(run, attempt);
    const failure = "output" in outcome ? undefined : outcome;
    if (failure !== undefined && attempt < run.maxAttempts && isWorthAnother(failure)) {
      await backOff(run, attempt, failure);
      continue;
    }
    const result = failure === undefined ? succeeded(outcome as Success) : failed(failure);
    const elapsed = durationOfMs(clock.monotonicMs() - startedMs);
    return { ...resultFor(item), ...result, attempts: attempt, elapsed };
  }
}

/** A result without an outcome. An id that is too long is cut: the item fails for it. */
export function resultFor({ index, request: { id } }: BatchItem): ProcessResult {
  return ProcessResult.fromPartial({ index, id: id.slice(0, MAX_NAME_BYTES).toWellFormed() });
}

/** The result of an item that nothing can run. */
export function failedResult(item: BatchItem, failure: ServiceError | StatusError): ProcessResult {
  return { ...resultFor(item), ...failed(failure) };
}

export function skippedResult(item: BatchItem, message: string): ProcessResult {
  const status = { code: StatusCode.ABORTED, message, details: [] };
  return { ...resultFor(item), outcome: ProcessOutcome.SKIPPED, status };
}

interface Success {
  readonly output: Uint8Array;
}

function succeeded({ output }: Success): Pick<ProcessResult, "outcome" | "output"> {
  return { outcome: ProcessOutcome.SUCCEEDED, output };
}

function failed(failure: ServiceError | StatusError): Pick<ProcessResult, "outcome" | "status"> {
  return { outcome: ProcessOutcome.FAILED, status: statusOfFailure(failure) };
}

async function outcomeOf(run: ItemRun, attempt: number): Promise<Success | ServiceError | StatusError> {
  const { signal, errorId, context } = run;
  try {
    const output = await attemptOnce(run, attempt);
    checkLimit("output", "max_output_bytes", MAX_OUTPUT_BYTES, output.length);
    return { output };
  } catch (error) {
    // What a processor makes of being stopped says nothing about the item.
    if (signal.aborted) throw signal.reason;
    return failureOf(error, errorId, context.log);
  }
}

async function attemptOnce(run: ItemRun, attempt: number): Promise<Uint8Array> {
  const { item, processor, context, timeoutMs, signal, clock } = run;
  signal.throwIfAborted();
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  const cancelTimer = clock.after(timeoutMs, () => stop.abort(timedOut(timeoutMs)));
  try {
    const running = processor.run(item.request.payload, { ...context, attempt, signal: stop.signal });
    return await untilStopped(running, stop.signal, clock, context.log);
  } catch (error) {
    // An attempt that ended because its time was over is told as such, whatever it made of its signal.
    if (stop.signal.aborted && !signal.aborted) throw stop.signal.reason;
    throw error;
  } finally {
    cancelTimer();
    signal.removeEventListener("abort", onAbort);
  }
}

function timedOut(timeoutMs: number): StatusError {
  return new StatusError(StatusCode.DEADLINE_EXCEEDED, `not done in ${String(timeoutMs)} ms (item_timeout)`);
}

/** Waits for work, and once `signal` has aborted only {@link STOP_GRACE_MS} longer. */
function untilStopped<T>(work: Promise<T>, signal: AbortSignal, clock: Clock, log: Logger): Promise<T> {
  return new Promise((resolve, reject) => {
    let cancelTimer = (): void => {};
    const leaveBehind = (): void => {
      log.warn({ stopGraceMs: STOP_GRACE_MS }, "a processor did not stop when it should; it is left behind");
      reject(signal.reason);
    };
    const onAbort = (): void => void (cancelTimer = clock.after(STOP_GRACE_MS, leaveBehind));
    signal.addEventListener("abort", onAbort, { once: true });
    const settled = (): void => {
      cancelTimer();
      signal.removeEventListener("abort", onAbort);
    };
    work.finally(settled).then(resolve, reject);
  });
}

async function backOff(
  { clock, signal }: ItemRun,
  attempt: number,
  failure: ServiceError | StatusError,
): Promise<void> {
  const asked = failure instanceof ServiceError ? failure.retryAfterMs : undefined;
  const delayMs = Math.min(asked ?? MIN_BACKOFF_MS * 2 ** (attempt - 1), MAX_BACKOFF_MS);
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = clock.after(delayMs, resolve);
  try {
    await unlessAborted(promise, signal);
  } finally {
    cancel();
  }
}
