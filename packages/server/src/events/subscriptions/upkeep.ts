import type { Mutation, RecordStore } from "../../ports/record-store.js";
import { removeRecord } from "../../records/json-records.js";
import { Rounds } from "../../upkeep/rounds.js";
import type { EventsDeps } from "../events-deps.js";

import { addIdle, listIdle } from "./idle-list.js";
import { GARBAGE, PARKED } from "./subscription-record.js";
import type { Subscriptions } from "./subscriptions.js";

/** Subscriptions, or parked events, of one round, at most: a round is short, and the next one follows soon if there is more. */
const ROUND = 500;
const PERIOD_MS = 10_000;

/** Removes subscriptions that nobody uses, and what deleted ones have left, for as long as the server runs. */
export function subscriptionsUpkeep(deps: EventsDeps, subscriptions: Subscriptions): Rounds {
  const { clock, logger } = deps;
  const startedAtMs = clock.now(); // time before this does not count as idle: consumers could not come
  const options = { clock, logger, periodMs: PERIOD_MS, what: "removing idle subscriptions" };
  const rounds = new Rounds(options, () => sweep(deps, subscriptions, startedAtMs));
  rounds.start();
  return rounds;
}

/** Returns whether there is more to do. */
async function sweep(
  { records, clock }: EventsDeps,
  subscriptions: Subscriptions,
  startedAtMs: number,
): Promise<boolean> {
  const due = await listIdle(records, clock.now(), ROUND);
  for (const { name, mutationDone } of due) {
    const nextMs = await subscriptions.deleteIfIdle(name, startedAtMs);
    await records.commit([mutationDone, ...(nextMs === undefined ? [] : [addIdle(nextMs, name)])]);
  }
  return (await dropParked(records)) || due.length === ROUND;
}

/** Removes parked events of one deleted subscription. Returns whether there was any. */
async function dropParked(records: RecordStore): Promise<boolean> {
  const [deleted] = await records.scan(GARBAGE, { limit: 1 });
  if (deleted === undefined) return false;
  const parked = await records.scan(PARKED, { prefix: `${deleted.key}/`, limit: ROUND });
  const mutations: Mutation[] = parked.map(({ key }) => removeRecord(PARKED, key));
  await records.commit(parked.length < ROUND ? [...mutations, removeRecord(GARBAGE, deleted.key)] : mutations);
  return true;
}
