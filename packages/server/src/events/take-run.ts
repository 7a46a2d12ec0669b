import type { FeedEvent, RunLimits } from "./feed.js";

export interface TakenRun<T extends FeedEvent> {
  readonly events: readonly T[];
  /** There were no more. */
  readonly isAll: boolean;
}

/**
 * As many of `events`, which may go backwards, as fit, whole appends; the first append always does. None is asked
 * for after the first one that does not fit.
 */
export function takeRun<T extends FeedEvent>(events: Iterable<T>, { maxEvents, maxBytes }: RunLimits): TakenRun<T> {
  const taken: T[] = [];
  let bytes = 0;
  let appendStart = 0;
  for (const event of events) {
    if (event.appendEnd !== taken.at(-1)?.appendEnd) appendStart = taken.length;
    taken.push(event);
    bytes += event.size;
    const fits = taken.length <= maxEvents && bytes <= maxBytes;
    if (!fits && appendStart > 0) return { events: taken.slice(0, appendStart), isAll: false };
  }
  return { events: taken, isAll: true };
}
