import type { TokenSigner } from "@millrace/shared-types";

import type { Clock } from "../ports/clock.js";
import type { ItemStore } from "../ports/item-store.js";
import type { RecordStore } from "../ports/record-store.js";
import type { PageTokens } from "../records/page-tokens.js";
import type { Logger } from "../rpc/logger.js";

import type { Collections } from "./collections.js";
import type { MergeFunction } from "./merge-function.js";
import type { ReplicaSessions } from "./replica-sessions.js";
import type { ServerClock } from "./server-clock.js";

/** What every operation on synchronized collections works with. Made by `openSync`. */
export interface SyncDeps {
  /** Holds documents and what is known of replicas. */
  readonly items: ItemStore;
  /** What is known of collections besides their documents. */
  readonly records: RecordStore;
  readonly collections: Collections;
  /** By name of the collection. */
  readonly mergeFunctions: ReadonlyMap<string, MergeFunction>;
  readonly sessions: ReplicaSessions;
  readonly serverClock: ServerClock;
  readonly tokenSigner: TokenSigner;
  readonly clusterId: string;
  readonly pageTokens: PageTokens;
  readonly clock: Clock;
  readonly maxFilterChars: number;
  readonly logger: Logger;
}
