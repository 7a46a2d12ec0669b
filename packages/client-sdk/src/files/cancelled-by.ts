import { CancelledError, type StreamingError } from "../errors.js";

/** What an operation fails with once its caller's `signal` has aborted. */
export function cancelledBy(signal: AbortSignal, method: string): StreamingError {
  return new CancelledError("cancelled by the caller", { method, cause: signal.reason });
}
