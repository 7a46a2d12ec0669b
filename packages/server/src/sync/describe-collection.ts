import { type Collection, durationOfMs } from "@millrace/shared-types";

import type { CollectionRecord } from "./collections.js";
import type { SyncDeps } from "./sync-deps.js";

/** A collection as clients get it. */
export async function describeCollection(
  { name, policy, retentionMs, documents }: CollectionRecord,
  { items }: Pick<SyncDeps, "items">,
): Promise<Collection> {
  const { rows } = await items.size(documents);
  return { name, policy, tombstoneRetention: durationOfMs(retentionMs), documentCount: rows };
}
