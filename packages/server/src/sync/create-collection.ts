import {
  ConflictPolicy,
  type CreateCollectionRequest,
  type CreateCollectionResponse,
  type Duration,
  invalidField,
  ServiceError,
} from "@millrace/shared-types";

import { durationMsOf } from "../events/watch-plan.js";
import type { CallContext } from "../rpc/call-context.js";

import { checkCollectionName } from "./collections.js";
import { describeCollection } from "./describe-collection.js";
import { policyOf } from "./policies/policy-of.js";
import type { SyncDeps } from "./sync-deps.js";

const DAY_MS = 86_400_000;
const DEFAULT_RETENTION_MS = 30 * DAY_MS;
const MIN_RETENTION_MS = 1000;
const MAX_RETENTION_MS = 3650 * DAY_MS;

/**
 * Makes a collection without documents.
 *
 * @throws ServiceError `INVALID_FIELD`, or `RESOURCE_EXISTS`
 */
export async function createCollection(
  { collection }: CreateCollectionRequest,
  _: CallContext,
  deps: SyncDeps,
): Promise<CreateCollectionResponse> {
  if (collection === undefined) throw invalidField("collection", "must be set");
  const { name, tombstoneRetention } = collection;
  checkCollectionName("collection.name", name);
  const policy = collection.policy || ConflictPolicy.LAST_WRITER_WINS;
  checkPolicy(policy, name, deps);
  const spec = { name, policy, retentionMs: retentionMsOf(tombstoneRetention) };
  const created = await deps.collections.create(spec, deps.clock.now());
  if (created === undefined) throw collectionExists(name);
  return { collection: await describeCollection(created, deps) };
}

function checkPolicy(policy: ConflictPolicy, name: string, { mergeFunctions }: SyncDeps): void {
  if (policyOf(policy) === undefined) throw invalidField("collection.policy", `is ${String(policy)}, which is none`);
  if (policy === ConflictPolicy.MERGE_FUNCTION && !mergeFunctions.has(name)) {
    throw invalidField("collection.policy", `is MERGE_FUNCTION, and this server has none for ${name}`);
  }
}

function retentionMsOf(duration: Duration | undefined): number {
  const field = "collection.tombstone_retention";
  const ms = (duration && durationMsOf(duration, field)) ?? 0;
  if (ms === 0) return DEFAULT_RETENTION_MS;
  if (ms < MIN_RETENTION_MS || ms > MAX_RETENTION_MS) throw invalidField(field, "must be 1 second to 10 years");
  return ms;
}

function collectionExists(name: string): ServiceError {
  return new ServiceError("RESOURCE_EXISTS", `there is a collection ${JSON.stringify(name)} already`, {
    metadata: { resource_type: "collection", resource_name: name },
  });
}
