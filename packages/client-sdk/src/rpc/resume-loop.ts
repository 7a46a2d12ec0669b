import type { StreamingError } from "../errors.js";

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
   */
  waitAfter(error: unknown, position?: string): Promise<void>;
}

/** Whether a failure may go away by itself: UNAVAILABLE, a lost connection, a cancel that the caller did not cause… */
export type ShouldResume = (error: StreamingError) => boolean;
