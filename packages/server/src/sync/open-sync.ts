import { DEFAULT_LIMITS, type TokenSigner } from "@millrace/shared-types";

import { type Clock, systemClock } from "../ports/clock.js";
import type { ItemStore } from "../ports/item-store.js";
import type { RecordStore } from "../ports/record-store.js";
import { PageTokens } from "../records/page-tokens.js";
import { type Logger, silentLogger } from "../rpc/logger.js";

import { Collections } from "./collections.js";
import type { MergeFunction } from "./merge-function.js";
import { ReplicaSessions } from "./replica-sessions.js";
import { ServerClock } from "./server-clock.js";
import type { SyncDeps } from "./sync-deps.js";

export interface SyncOptions {
  readonly items: ItemStore;
  readonly records: RecordStore;
  /** Signs cursors and page tokens. */
  readonly tokenSigner: TokenSigner;
  /** Names the data, and the server among the replicas. */
  readonly clusterId: string;
  /** By name of the collection. Default: none. */
  readonly mergeFunctions?: Readonly<Record<string, MergeFunction>>;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** A filter, in characters. Default: that of `DEFAULT_LIMITS`. */
  readonly maxFilterChars?: number;
  /** Default: none. */
  readonly log?: Logger;
}

/**
 * Opens the synchronized collections over two stores, which stay open. Whoever vacuums the item store has to ask
 * `collections.tombstonesBeforeMs` which deletions it may forget.
 */
export async function openSync(options: SyncOptions): Promise<SyncDeps> {
  const { items, records, tokenSigner, clusterId, clock = systemClock, log: logger = silentLogger } = options;
  const { mergeFunctions = {}, maxFilterChars = DEFAULT_LIMITS.maxFilterChars } = options;
  const collections = new Collections(records);
  await collections.load();
  return {
    items,
    records,
    collections,
    mergeFunctions: new Map(Object.entries(mergeFunctions)),
    sessions: new ReplicaSessions(),
    serverClock: new ServerClock(clusterId, clock),
    tokenSigner,
    clusterId,
    pageTokens: new PageTokens(tokenSigner, clusterId),
    clock,
    maxFilterChars,
    logger,
  };
}
