import type { Row } from "../ports/item-store.js";
import { Rounds } from "../upkeep/rounds.js";

import type { BatchDeps } from "./batch-deps.js";
import { collectionsOf, dayName, dayOf, DAYS } from "./batch-record.js";

/** Between two rounds, in milliseconds. */
const PERIOD_MS = 60_000;

/** Days that are looked at at a time. */
const LIMITS = { maxRows: 100, maxBytes: 1024 * 1024 };

type UpkeepDeps = Pick<BatchDeps, "items" | "clock" | "live" | "logger">;

/** Removes what is older than yesterday, for as long as the server runs. */
export function batchUpkeep(deps: UpkeepDeps): Rounds {
  const { clock, logger } = deps;
  const what = "clearing up after batches";
  const rounds = new Rounds({ clock, logger, periodMs: PERIOD_MS, what }, (stopped) => sweep(deps, stopped));
  rounds.start();
  return rounds;
}

/** One round, or what there is time for before `stopped`. A day of which a batch still has a stream is left alone. */
export async function sweep(deps: UpkeepDeps, stopped: () => boolean = () => false): Promise<void> {
  const { items, clock, live } = deps;
  const { rows } = await items.scan({ collection: DAYS, endKey: dayName(dayOf(clock.now()) - 1), ...LIMITS });
  for (const row of rows) {
    if (!live.hasOfDay(Number(row.key)) && !stopped()) await dropDay(row, deps, stopped);
  }
}

async function dropDay({ key }: Row, { items }: UpkeepDeps, stopped: () => boolean): Promise<void> {
  for (const collection of collectionsOf(Number(key))) {
    while (!stopped() && (await items.drop(collection)) > 0);
  }
  if (!stopped()) await items.commit([{ collection: DAYS, deleteKey: key }], { atomic: true });
}
