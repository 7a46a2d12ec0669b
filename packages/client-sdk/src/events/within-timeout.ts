import { DeadlineExceededError } from "../errors.js";
import type { CallOptions, ClientClock } from "../options.js";

/**
 * Runs `work` with a signal that aborts with the caller's, and after `timeoutMs` of all its attempts
 * together. Leaves no timer.
 *
 * @param method named in the error
 */
export async function withinTimeout<T>(
  clock: ClientClock,
  method: string,
  { signal, timeoutMs }: Pick<CallOptions, "signal" | "timeoutMs">,
  work: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  if (timeoutMs === undefined) return work(signal);
  const over = new AbortController();
  const stop = clock.after(timeoutMs, () => {
    over.abort(new DeadlineExceededError(`${method} took longer than ${String(timeoutMs)} ms`, { method }));
  });
  try {
    return await work(signal ? AbortSignal.any([signal, over.signal]) : over.signal);
  } finally {
    stop();
  }
}
