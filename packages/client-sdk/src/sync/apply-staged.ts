import type { ReplicaStore, ReplicaWrite } from "./replica-store.js";
import { keysIn, keyOf, Table } from "./replica-tables.js";

/** Documents of one checkpoint that are named one by one. */
const MAX_NAMED = 10_000;

/** A collection as it is at a checkpoint. */
export interface AppliedStage {
  /** Of documents that may look different; not all of them if it is reloaded. */
  readonly keys: readonly string[];
  /** Too many look different to name them, or some are gone without a word. */
  readonly isReloaded: boolean;
  readonly writes: readonly ReplicaWrite[];
}

/** What is staged of a collection goes to its documents, or takes their place. */
export function applyStaged(store: ReplicaStore, collection: string, isReset: boolean): AppliedStage {
  const prefix = keyOf(collection, "");
  const keys: string[] = [];
  for (const key of keysIn(store, Table.STAGED, prefix)) {
    keys.push(key);
    if (keys.length > MAX_NAMED) break;
  }
  const mayLack = isReset && store.scan(Table.DOCUMENTS, { prefix, limit: 1 }).length > 0;
  return {
    keys,
    isReloaded: mayLack || keys.length > MAX_NAMED,
    writes: [
      ...(isReset ? [{ type: "clear", table: Table.DOCUMENTS, prefix } as const] : []),
      { type: "move", from: Table.STAGED, to: Table.DOCUMENTS, prefix },
    ],
  };
}
