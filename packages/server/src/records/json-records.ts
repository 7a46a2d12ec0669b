import { ServiceError } from "@millrace/shared-types";

import type { Mutation, RecordStore } from "../ports/record-store.js";
import { VersionConflict } from "../ports/record-store.js";

/** A record's value and the version that a later write can insist on; version 0: there is none. */
export interface Versioned<T> {
  readonly version: number;
  readonly value: T;
}

/** Far above what any contention causes: only a fault can make a commit lose this often in a row. */
const MAX_CONFLICTS = 1000;

/** The record of `key`, or `undefined` if there is none. */
export async function getJson<T>(
  records: RecordStore,
  collection: string,
  key: string,
): Promise<Versioned<T> | undefined> {
  const record = await records.get(collection, key);
  return record && { version: record.version, value: JSON.parse(record.value) as T };
}

/** Writes a record, if it has the version `ifVersion` now (0: if there is none; left out: in any case). */
export function putJson(collection: string, key: string, value: unknown, ifVersion?: number): Mutation {
  return { collection, key, value: JSON.stringify(value), ...(ifVersion !== undefined && { ifVersion }) };
}

/** Deletes a record, if it has the version `ifVersion` now. */
export function removeRecord(collection: string, key: string, ifVersion?: number): Mutation {
  return { collection, key, value: undefined, ...(ifVersion !== undefined && { ifVersion }) };
}

/** Does `attempt` (read, decide, commit) again whenever somebody else committed in between. */
export async function untilCommitted<T>(attempt: () => Promise<T>): Promise<T> {
  for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof VersionConflict)) throw error;
    }
  }
  throw new ServiceError("BACKEND_UNAVAILABLE", "too many writers at once", { retryAfterMs: 1000 });
}
