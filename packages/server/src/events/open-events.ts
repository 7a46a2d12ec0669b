import type { TokenSigner } from "@millrace/shared-types";

import { type Clock, systemClock } from "../ports/clock.js";
import type { EventLog } from "../ports/event-log.js";
import type { RecordStore } from "../ports/record-store.js";
import { PageTokens } from "../records/page-tokens.js";
import { type Logger, silentLogger } from "../rpc/logger.js";

import { openEventFeed } from "./event-feed.js";
import type { EventsDeps, EventsLimits } from "./events-deps.js";
import { resolveEventsLimits } from "./events-limits.js";
import { Positions } from "./positions.js";
import { retentionUpkeep } from "./retention.js";
import { SharedBatches } from "./shared-batches.js";
import { openSubscriptions, type SubscriptionsDeps } from "./subscriptions/open-subscriptions.js";

/** Of the size of the tail, what batches may take that several readers are given. */
const BATCHES_PART = 4;

export interface EventsOptions {
  readonly eventLog: EventLog;
  readonly records: RecordStore;
  /** Signs positions and page tokens. */
  readonly tokenSigner: TokenSigner;
  /** Names the data: a token of another cluster is refused. */
  readonly clusterId: string;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Default: those of `DEFAULT_LIMITS`, and everything is kept. */
  readonly limits?: Partial<EventsLimits>;
  /** Default: none. */
  readonly log?: Logger;
}

/** The events domain, running. Disposing of it stops all that runs by itself; the stores stay open. */
export interface Events extends SubscriptionsDeps, AsyncDisposable {}

/** Opens the events domain over a log: begins to follow it, and to remove what retention lets go. */
export async function openEvents(options: EventsOptions): Promise<Events> {
  const { eventLog: log, records, tokenSigner, clusterId, clock = systemClock, log: logger = silentLogger } = options;
  const limits = resolveEventsLimits("limits", options.limits);
  const positions = new Positions(tokenSigner, clusterId, log.epoch);
  const { tailBytes, maxLingerMs } = limits;
  const feed = await openEventFeed({ log, positions, tailBytes, maxLingerMs });
  const pageTokens = new PageTokens(tokenSigner, clusterId);
  const batches = new SharedBatches(tailBytes / BATCHES_PART);
  const deps: EventsDeps = { log, feed, positions, batches, records, pageTokens, clock, limits, logger };
  const opened = openSubscriptions(deps);
  const upkeep = retentionUpkeep(deps);
  return {
    ...deps,
    subscriptions: opened.subscriptions,
    async [Symbol.asyncDispose]() {
      await upkeep[Symbol.asyncDispose]();
      await opened[Symbol.asyncDispose]();
      await feed[Symbol.asyncDispose]();
    },
  };
}
