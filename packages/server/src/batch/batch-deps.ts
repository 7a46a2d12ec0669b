import type { Clock } from "../ports/clock.js";
import type { ItemStore } from "../ports/item-store.js";
import type { KeyedLock } from "../records/keyed-lock.js";
import type { PageTokens } from "../records/page-tokens.js";
import type { Logger } from "../rpc/logger.js";

import type { KeyClaims } from "./key-claims.js";
import type { LiveBatches } from "./live-batches.js";
import type { Processor } from "./processor.js";
import type { RowReader } from "./row-reader.js";

/** What the batch domain accepts. */
export interface BatchLimits {
  /** Items of a batch. */
  readonly maxBatchItems: number;
}

/** What every operation on batches works with. Made by `openBatches`. */
export interface BatchDeps {
  /** Batches, their results and the outcomes of idempotency keys. */
  readonly items: ItemStore;
  /** Of the same store. */
  readonly rows: RowReader;
  /** By name. */
  readonly processors: ReadonlyMap<string, Processor>;
  readonly pageTokens: PageTokens;
  readonly clock: Clock;
  readonly limits: BatchLimits;
  readonly logger: Logger;
  /** Batches that have a stream now. */
  readonly live: LiveBatches;
  /** Idempotency keys whose items run now. */
  readonly claims: KeyClaims;
  /** By batch: opening and cancelling. */
  readonly lock: KeyedLock;
}
