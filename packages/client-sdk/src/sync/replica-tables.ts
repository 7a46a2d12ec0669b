import { type PendingChange, pendingKey, unpackPending } from "./pending-change.js";
import type { ReplicaStore, ReplicaWrite } from "./replica-store.js";

/** Tables of a replica's store. Documents and what is about them have the key `COLLECTION/ID`. */
export const Table = {
  /** Identity. */
  REPLICA: "replica",
  /** How far each collection is. */
  FOLLOWED: "followed",
  /** Documents as they were at the last checkpoint. */
  DOCUMENTS: "documents",
  /** What has come since. */
  STAGED: "staged",
  /** Changes of this replica that are not settled, by sequence. */
  PENDING: "pending",
  /** Documents as those changes leave them. */
  OVERLAY: "overlay",
  CONFLICTS: "conflicts",
} as const;

/** Rows that are read at a time. */
const PAGE = 200;

/** Key of a document. */
export function keyOf(collection: string, id: string): string {
  return `${collection}/${id}`;
}

export function put(table: string, key: string, value: Uint8Array): ReplicaWrite {
  return { type: "put", table, key, value };
}

/** The keys of a table that begin so, in order, read page by page. */
export function* keysIn(store: ReplicaStore, table: string, prefix: string): Generator<string> {
  for (let after: string | undefined; ;) {
    const page = store.scan(table, { prefix, limit: PAGE, ...(after !== undefined && { after }) });
    for (const { key } of page) yield key;
    if (page.length < PAGE) return;
    after = page.at(-1)?.key;
  }
}

/** Pending changes after one, in order, read page by page. */
export function* pendingIn(store: ReplicaStore, after: number): Generator<PendingChange> {
  for (let last = pendingKey(after); ;) {
    const page = store.scan(Table.PENDING, { after: last, limit: PAGE });
    for (const { key, value } of page) {
      yield unpackPending(value);
      last = key;
    }
    if (page.length < PAGE) return;
  }
}

/** The keys of two sorted sequences, each once, in bytewise order. */
export function* mergedKeys(one: Iterator<string>, other: Iterator<string>): Generator<string> {
  let [a, b] = [one.next(), other.next()];
  while (a.done !== true || b.done !== true) {
    const order =
      a.done === true ? 1 : b.done === true ? -1 : Buffer.compare(Buffer.from(a.value), Buffer.from(b.value));
    if (order <= 0) yield String(a.value);
    else yield String(b.value);
    if (order <= 0) a = one.next();
    if (order >= 0) b = other.next();
  }
}
