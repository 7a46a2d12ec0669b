import { Park, RetryLater } from "./handler-outcome.js";

/** What became of an event. */
export type Verdict =
  | { readonly kind: "done" }
  | { readonly kind: "park"; readonly reason: string }
  /** `delayMs` undefined: the subscription's. */
  | { readonly kind: "retry"; readonly reason: string; readonly delayMs: number | undefined };

/** Longest reason that is sent, in UTF-16 code units. */
const MAX_REASON_LENGTH = 512;

/** Whether a handler threw to say what is to become of its event. */
export function isChosen(error: unknown): error is Park | RetryLater {
  return error instanceof Park || error instanceof RetryLater;
}

/** The verdict of a handler that threw. */
export function verdictOf(error: unknown): Verdict {
  const reason = (error instanceof Error ? error.message : String(error)).slice(0, MAX_REASON_LENGTH);
  if (error instanceof Park) return { kind: "park", reason };
  return { kind: "retry", reason, delayMs: error instanceof RetryLater ? error.delayMs : undefined };
}
