import { PositionCompacted } from "../../ports/event-log.js";
import type { EventFeed, Selection } from "../feed.js";

/** Events that are looked at: what lies behind them is taken to be like them. */
const SAMPLE = { maxEvents: 1000, maxBytes: 1024 * 1024 };

/** About how many events after a position a selection has. Reads no more than one run of events. */
export async function estimateBacklog(feed: EventFeed, selection: Selection, after: number): Promise<number> {
  using cursor = feed.open(selection, after);
  try {
    const { events, position, caughtUp } = await cursor.next(SAMPLE);
    if (caughtUp || position <= after) return events.length;
    const share = events.length / (position - after);
    return Math.round(share * Math.max(position - after, feed.lastSequence - after));
  } catch (error) {
    if (error instanceof PositionCompacted) return await estimateBacklog(feed, selection, error.firstSequence - 1);
    throw error;
  }
}
