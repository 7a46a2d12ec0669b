import type { TokenSigner } from "@millrace/shared-types";

import { type Clock, systemClock } from "../ports/clock.js";
import type { ItemStore } from "../ports/item-store.js";
import type { RecordStore } from "../ports/record-store.js";
import { KeyedLock } from "../records/keyed-lock.js";
import { PageTokens } from "../records/page-tokens.js";
import { type Logger, silentLogger } from "../rpc/logger.js";

import type { DataDeps, DataLimits, OtherRows } from "./data-deps.js";
import { resolveDataLimits } from "./data-limits.js";
import { makeStandingDatasets } from "./dataset-record.js";
import { NewItemIds } from "./new-item-ids.js";
import { dataUpkeep } from "./upkeep.js";

export interface DataOptions {
  readonly items: ItemStore;
  readonly records: RecordStore;
  /** Signs cursors and page tokens. */
  readonly tokenSigner: TokenSigner;
  /** Names the data: a cursor of another cluster is refused. */
  readonly clusterId: string;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Default: items of 1 MiB, snapshots of an hour. */
  readonly limits?: Partial<DataLimits>;
  /** Who else keeps rows in `items`: the vacuum of this domain clears up after them, too. Default: nobody. */
  readonly keptElsewhere?: OtherRows;
  /** Default: none. */
  readonly log?: Logger;
}

/** The data domain, running. Disposing of it stops its upkeep; the stores stay open. */
export interface Data extends DataDeps, AsyncDisposable {}

/**
 * Opens the data domain over two stores: makes the datasets that are there always, and from then on removes what has
 * had its time. Nobody else may write datasets to the stores.
 */
export async function openData(options: DataOptions): Promise<Data> {
  const { items, records, tokenSigner, clusterId, clock = systemClock, log: logger = silentLogger } = options;
  const limits = resolveDataLimits("limits", options.limits);
  await makeStandingDatasets(records, clock.now());
  const deps: DataDeps = {
    items,
    records,
    tokenSigner,
    clusterId,
    pageTokens: new PageTokens(tokenSigner, clusterId),
    newItemIds: new NewItemIds(clock),
    clock,
    limits,
    logger,
    attempts: new KeyedLock(),
    keptElsewhere: options.keptElsewhere,
  };
  const upkeep = dataUpkeep(deps);
  return { ...deps, [Symbol.asyncDispose]: () => upkeep[Symbol.asyncDispose]() };
}
