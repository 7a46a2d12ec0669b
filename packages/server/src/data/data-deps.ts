import type { TokenSigner } from "@millrace/shared-types";

import type { Clock } from "../ports/clock.js";
import type { ItemStore } from "../ports/item-store.js";
import type { RecordStore } from "../ports/record-store.js";
import type { KeyedLock } from "../records/keyed-lock.js";
import type { PageTokens } from "../records/page-tokens.js";
import type { Logger } from "../rpc/logger.js";

import type { NewItemIds } from "./new-item-ids.js";

/** What the data domain accepts and keeps. */
export interface DataLimits {
  /** `DataItem.data` and `Item.data`, in bytes. */
  readonly maxItemBytes: number;
  /** A filter, in characters. */
  readonly maxFilterChars: number;
  /** How long a listing can go on at its snapshot, in milliseconds: versions that were replaced stay so long. */
  readonly snapshotTtlMs: number;
}

/** Who else keeps rows in the item store. */
export interface OtherRows {
  /** Moment in milliseconds since 1970 before which tombstones of a collection are not needed; `undefined`: not known. */
  tombstonesBeforeMs(collection: string, nowMs: number): number | undefined;
}

/** What every operation on datasets works with. Made by `openData`. */
export interface DataDeps {
  readonly items: ItemStore;
  /** What is known of datasets besides their items. */
  readonly records: RecordStore;
  readonly tokenSigner: TokenSigner;
  readonly clusterId: string;
  readonly pageTokens: PageTokens;
  readonly newItemIds: NewItemIds;
  readonly clock: Clock;
  readonly limits: DataLimits;
  readonly logger: Logger;
  /** By idempotency key. */
  readonly attempts: KeyedLock;
  /** Default: nobody; then tombstones that are not of datasets are kept. */
  readonly keptElsewhere: OtherRows | undefined;
}
