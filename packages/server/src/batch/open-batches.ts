import type { TokenSigner } from "@millrace/shared-types";

import type { DataDeps } from "../data/data-deps.js";
import type { EventsDeps } from "../events/events-deps.js";
import { type Clock, systemClock } from "../ports/clock.js";
import type { ItemStore } from "../ports/item-store.js";
import { KeyedLock } from "../records/keyed-lock.js";
import { PageTokens } from "../records/page-tokens.js";
import { type Logger, silentLogger } from "../rpc/logger.js";
import { OptionError } from "../rpc/number-options.js";

import type { BatchDeps, BatchLimits } from "./batch-deps.js";
import { MAX_NAME_BYTES, resolveBatchLimits } from "./batch-limits.js";
import { KeyClaims } from "./key-claims.js";
import { LiveBatches } from "./live-batches.js";
import type { Processor } from "./processor.js";
import { datasetPut } from "./processors/dataset-put.js";
import { echo } from "./processors/echo.js";
import { eventPublish } from "./processors/event-publish.js";
import { sha256 } from "./processors/sha256.js";
import { RowReader } from "./row-reader.js";
import { batchUpkeep } from "./upkeep.js";

export interface BatchesOptions {
  readonly items: ItemStore;
  /** What `dataset.put` works on: the same item store. */
  readonly data: Pick<DataDeps, "records" | "items" | "limits">;
  /** What `event.publish` works on. */
  readonly events: Pick<EventsDeps, "log" | "positions" | "clock" | "limits">;
  /** By name, beside the built-in ones or in their place. Default: none. */
  readonly processors?: Readonly<Record<string, Processor>>;
  /** Signs page tokens. */
  readonly tokenSigner: TokenSigner;
  /** Names the data. */
  readonly clusterId: string;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Default: 1,000,000 items. */
  readonly limits?: Partial<BatchLimits>;
  /** Default: none. */
  readonly log?: Logger;
}

/** The batch domain, running. Disposing of it stops its upkeep; the stores stay open. */
export interface Batches extends BatchDeps, AsyncDisposable {}

/**
 * Opens the batch domain over an item store.
 *
 * @throws {OptionError} naming a processor that cannot have its name, or a limit
 */
export async function openBatches(options: BatchesOptions): Promise<Batches> {
  const { items, tokenSigner, clusterId, clock = systemClock, log: logger = silentLogger } = options;
  const deps: BatchDeps = {
    items,
    rows: new RowReader(items),
    processors: processorsOf(options),
    pageTokens: new PageTokens(tokenSigner, clusterId),
    clock,
    limits: resolveBatchLimits("limits", options.limits),
    logger,
    live: new LiveBatches(),
    claims: new KeyClaims(),
    lock: new KeyedLock(),
  };
  const upkeep = batchUpkeep(deps);
  return { ...deps, [Symbol.asyncDispose]: () => upkeep[Symbol.asyncDispose]() };
}

function processorsOf({ data, events, processors = {} }: BatchesOptions): ReadonlyMap<string, Processor> {
  const builtIn = { echo, sha256, "dataset.put": datasetPut(data), "event.publish": eventPublish(events) };
  for (const name of Object.keys(processors)) checkName(name);
  return new Map<string, Processor>([...Object.entries(builtIn), ...Object.entries(processors)]);
}

function checkName(name: string): void {
  if (/^[\w.-]+$/.test(name) && name.length <= MAX_NAME_BYTES) return;
  throw new OptionError(`processors: ${JSON.stringify(name)} is not 1 to 255 of a-z, A-Z, 0-9, ".", "-" and "_"`);
}
