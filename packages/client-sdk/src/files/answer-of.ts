import { DeadlineExceededError, UnavailableError } from "../errors.js";

/**
 * The answer of a short call that is part of a transfer. That it does not come in time means to the
 * transfer what a lost connection means: it is worth another attempt.
 *
 * @throws {StreamingError} what the call failed with
 */
export async function answerOf<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (cause) {
    if (!(cause instanceof DeadlineExceededError)) throw cause;
    const { message, method, origin, peer } = cause;
    throw new UnavailableError(message, { method, origin, peer, cause, retryable: true });
  }
}
