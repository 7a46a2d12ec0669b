import type { Clock } from "../ports/clock.js";
import type { EventLog } from "../ports/event-log.js";
import type { RecordStore } from "../ports/record-store.js";
import type { PageTokens } from "../records/page-tokens.js";
import type { Logger } from "../rpc/logger.js";

import type { EventFeed } from "./feed.js";
import type { Positions } from "./positions.js";
import type { SharedBatches } from "./shared-batches.js";

/** What the events domain accepts and keeps. */
export interface EventsLimits {
  /** A stored event (type, attributes, payload…), in bytes. */
  readonly maxEventBytes: number;
  /** A filter, in characters. */
  readonly maxFilterChars: number;
  /** Events older than this are removed, in milliseconds. Infinity: none. */
  readonly maxAgeMs: number;
  /** Events beyond this number are removed, oldest first. Infinity: none. */
  readonly maxEvents: number;
  /** Events beyond this sum of sizes are removed, oldest first, in bytes. Infinity: none. */
  readonly maxBytes: number;
  /** Newest events that are kept in memory for those who read along, in bytes. */
  readonly tailBytes: number;
  /** Under load, most that events are kept back so that one wake of all who wait carries more, in milliseconds. 0: not at all. */
  readonly maxLingerMs: number;
}

/** What every operation on events works with. Made by `openEvents`. */
export interface EventsDeps {
  readonly log: EventLog;
  readonly feed: EventFeed;
  readonly positions: Positions;
  readonly batches: SharedBatches;
  /** Subscriptions and what they have acknowledged. */
  readonly records: RecordStore;
  readonly pageTokens: PageTokens;
  readonly clock: Clock;
  readonly limits: EventsLimits;
  readonly logger: Logger;
}
