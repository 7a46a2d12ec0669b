/** What went wrong in a worker of a SqliteItemStore. Imports only node: modules and what does so too. */
import { SnapshotExpired } from "../../ports/item-store.js";

import { failureOf } from "./sqlite-event-failure.js";
import type { ItemFailure } from "./sqlite-item-protocol.js";
import { DamagedRow } from "./sqlite-item-record.js";

/** The failure that an exception means. */
export function itemFailureOf(error: unknown): ItemFailure {
  if (error instanceof SnapshotExpired) {
    return { kind: "expired", version: error.version, oldestVersion: error.oldestVersion };
  }
  if (error instanceof DamagedRow) return { kind: "damaged", message: error.message };
  const failure = failureOf(error);
  if (failure.kind === "full" || failure.kind === "damaged") return failure;
  return { kind: "unavailable", message: String(error) };
}
