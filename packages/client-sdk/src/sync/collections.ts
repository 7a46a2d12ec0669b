import { type Collection, durationOfMs, msOfDuration, SyncServiceDefinition } from "@millrace/shared-types";

import { present } from "../files/file-info.js";
import { entriesOf } from "../rpc/pages.js";
import { checkCollection, checkCreateOptions, checkListOptions, checkPolicy } from "./check-sync-options.js";
import type { SyncDeps } from "./sync-api.js";
import { POLICY_NAMES, policyNameOf, toPolicy } from "./sync-policy.js";
import type { CreateSyncCollectionOptions, ListSyncOptions, SyncCollectionInfo } from "./types.js";

/** Makes a collection. See {@link SyncCollectionsApi.create}. */
export async function createCollection(
  { rpc }: Pick<SyncDeps, "rpc">,
  name: string,
  options: CreateSyncCollectionOptions = {},
): Promise<SyncCollectionInfo> {
  checkCollection(name);
  checkCreateOptions(options);
  const { policy = "last-writer-wins", tombstoneRetentionMs, ...call } = options;
  checkPolicy(policy, POLICY_NAMES);
  const tombstoneRetention = tombstoneRetentionMs === undefined ? undefined : durationOfMs(tombstoneRetentionMs);
  const collection = { name, policy: toPolicy(policy), tombstoneRetention };
  return toInfo(
    (await rpc.unary(SyncServiceDefinition, SyncServiceDefinition.methods.createCollection, { collection }, call))
      .collection,
  );
}

/** All collections. See {@link SyncCollectionsApi.list}. */
export function listCollections(
  { rpc }: Pick<SyncDeps, "rpc">,
  options: ListSyncOptions = {},
): AsyncIterable<SyncCollectionInfo> {
  checkListOptions(options);
  return entriesOf(options, async (page, call) => {
    const answer = await rpc.unary(SyncServiceDefinition, SyncServiceDefinition.methods.listCollections, page, call);
    return { entries: answer.collections.map(toInfo), nextPageToken: answer.nextPageToken };
  });
}

function toInfo(collection: Collection | undefined): SyncCollectionInfo {
  const { name, policy, tombstoneRetention, documentCount } = present(collection, "collection");
  const tombstoneRetentionMs = msOfDuration(present(tombstoneRetention, "collection.tombstone_retention"));
  return { name, policy: policyNameOf(policy), tombstoneRetentionMs, documentCount };
}
