import type { Event } from "@millrace/shared-types";

/** A condition on events, ready to be evaluated. */
export interface EventFilter {
  /** As the client wrote it: filters of the same text are the same. */
  readonly text: string;
  /** Whether `event` meets the condition. An expression that fails on it (a missing field, say) does not match. Never throws. */
  matches(event: Event): boolean;
}
