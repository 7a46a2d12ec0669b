import type { Clock } from "../ports/clock.js";

import type { FeedCursor, FeedEvent, FeedRun, RunLimits } from "./feed.js";
import type { Rest } from "./rest.js";

/** When a run is large enough to be sent. */
export interface GatherLimits extends RunLimits {
  /** Or old enough, in milliseconds. */
  readonly delayMs: number;
  /** Nobody wants what comes after this sequence. */
  readonly untilSequence: number;
}

interface GatherParts {
  readonly cursor: FeedCursor;
  readonly rest: Rest;
  readonly clock: Clock;
}

/** Adds to a run what the cursor gets while there is room and time for it. */
export async function gather(
  first: FeedRun,
  { cursor, rest, clock }: GatherParts,
  limits: GatherLimits,
): Promise<FeedRun> {
  const events = [...first.events];
  let run = first;
  let leftBytes = limits.maxBytes - bytesOf(events);
  let isTimeUp = false;
  const cancelTimer = clock.after(limits.delayMs, () => {
    isTimeUp = true;
    rest.end();
  });
  try {
    const isOpen = (): boolean => run.caughtUp && run.position < limits.untilSequence && !isTimeUp;
    while (isOpen() && events.length < limits.maxEvents && leftBytes > 0) {
      await rest.take(limits.untilSequence);
      if (!cursor.isInMemory) break;
      run = await cursor.next({ maxEvents: limits.maxEvents - events.length, maxBytes: leftBytes });
      events.push(...run.events);
      leftBytes -= bytesOf(run.events);
    }
    return { ...run, events };
  } finally {
    cancelTimer();
  }
}

function bytesOf(events: readonly FeedEvent[]): number {
  return events.reduce((sum, { size }) => sum + size, 0);
}
