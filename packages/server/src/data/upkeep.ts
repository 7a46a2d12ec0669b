import type { ItemStore, Row } from "../ports/item-store.js";
import { removeRecord } from "../records/json-records.js";
import { Rounds } from "../upkeep/rounds.js";

import type { DataDeps } from "./data-deps.js";
import { COLLECTION_PREFIX } from "./dataset-record.js";
import { PENDING, RECEIPT_TTL_MS, RECEIPTS, timeKey } from "./receipts.js";

/** Between two rounds, in milliseconds. */
const PERIOD_MS = 10_000;

/** Datasets that are looked at at a time. */
const BATCH = 100;

/** Receipts, or marks, of which a server that was killed leaves few. */
const LIMITS = { maxRows: 1000, maxBytes: 1024 * 1024 };

/** How long it is made sure that a deleted dataset is empty: a write that had begun before may have been late. */
const DROPPED_TTL_MS = 600_000;

/** Collections of datasets that were deleted. */
export const DROPPED = "droppeditems";

export interface DroppedRecord {
  /** Milliseconds since 1970. */
  readonly droppedAt: number;
}

type UpkeepDeps = Pick<DataDeps, "items" | "records" | "clock" | "limits" | "logger" | "keptElsewhere">;

/** Removes what has had its time, for as long as the server runs. */
export function dataUpkeep(deps: UpkeepDeps): Rounds {
  const { clock, logger } = deps;
  const what = "clearing up after datasets";
  const rounds = new Rounds({ clock, logger, periodMs: PERIOD_MS, what }, (stopped) => sweep(deps, stopped));
  rounds.start();
  return rounds;
}

/** One round, or what there is time for before `stopped`. What fails is logged, and tried again in the next round. */
export async function sweep(deps: UpkeepDeps, stopped: () => boolean = () => false): Promise<void> {
  for (const task of [dropDeleted, forgetReceipts, vacuum]) {
    try {
      if (!stopped()) await task(deps, stopped);
    } catch (err) {
      deps.logger.warn({ err, task: task.name }, "clearing up after datasets failed; trying again later");
    }
  }
}

async function dropDeleted({ items, records, clock }: UpkeepDeps, stopped: () => boolean): Promise<void> {
  for (let after = ""; !stopped();) {
    const page = await records.scan(DROPPED, { limit: BATCH, after });
    for (const { key: collection, value, version } of page) {
      while (!stopped() && (await items.drop(collection)) > 0);
      const { droppedAt } = JSON.parse(value) as DroppedRecord;
      const isOver = !stopped() && droppedAt <= clock.now() - DROPPED_TTL_MS;
      if (isOver) await records.commit([removeRecord(DROPPED, collection, version)]);
    }
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.key;
  }
}

/** Outcomes that no retry gets any more, and marks of attempts that were never tried again. */
async function forgetReceipts({ items, clock }: UpkeepDeps, stopped: () => boolean): Promise<void> {
  const beforeMs = clock.now() - RECEIPT_TTL_MS;
  while (!stopped()) {
    const { rows } = await items.scan({ collection: RECEIPTS, endKey: timeKey(beforeMs), keysOnly: true, ...LIMITS });
    if (rows.length === 0) break;
    await remove(rows, RECEIPTS, items);
  }
  const { rows } = await items.scan({ collection: PENDING, ...LIMITS });
  const forgotten = rows.filter(({ updatedAtMs }) => updatedAtMs <= beforeMs);
  if (forgotten.length > 0) await remove(forgotten, PENDING, items);
}

async function remove(rows: readonly Row[], collection: string, items: ItemStore): Promise<void> {
  const mutations = rows.map(({ key: deleteKey }) => ({ collection, deleteKey }));
  await items.commit(mutations, { atomic: false });
}

/** Versions go when no listing can ask for them any more, nor a retry whose first attempt was cut off. */
async function vacuum({ items, clock, limits, keptElsewhere }: UpkeepDeps, stopped: () => boolean): Promise<void> {
  const marks = await items.scan({ collection: PENDING, ...LIMITS });
  const beforeMs = Math.min(clock.now() - limits.snapshotTtlMs, ...marks.rows.map(({ updatedAtMs }) => updatedAtMs));
  const nowMs = clock.now();
  const tombstonesBeforeMs = (collection: string): number => {
    if (collection.startsWith(COLLECTION_PREFIX)) return beforeMs;
    return keptElsewhere?.tombstonesBeforeMs(collection, nowMs) ?? -Infinity;
  };
  while (!stopped() && (await items.vacuum(beforeMs, tombstonesBeforeMs)) > 0);
}
