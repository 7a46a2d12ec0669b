import type { Mutation, RecordStore } from "../../ports/record-store.js";

/** When a subscription with an `inactive_ttl` has to be looked at: the upkeep's list of work, in order of time. */
const IDLE = "idlesubscriptions";

/** An entry of the list. */
export interface IdleEntry {
  readonly name: string;
  readonly mutationDone: Mutation;
}

/** Has the upkeep look at a subscription at `atMs`. It is free to find that the time has moved. */
export function addIdle(atMs: number, name: string): Mutation {
  return { collection: IDLE, key: `${timeKey(atMs)}/${name}`, value: "" };
}

/** The oldest entries whose time has come, at most `limit`. */
export async function listIdle(records: RecordStore, nowMs: number, limit: number): Promise<readonly IdleEntry[]> {
  const found = await records.scan(IDLE, { limit });
  const end = timeKey(nowMs + 1);
  return found
    .filter(({ key }) => key < end)
    .map(({ key }) => ({
      name: key.slice(key.indexOf("/") + 1),
      mutationDone: { collection: IDLE, key, value: undefined },
    }));
}

/** Sorts as the time does, for the next 31,000 years. */
function timeKey(ms: number): string {
  return String(Math.ceil(ms)).padStart(15, "0");
}
