import { ConflictPolicy } from "@millrace/shared-types";

import type { SyncPolicy } from "./types.js";

const POLICIES: Readonly<Record<SyncPolicy, ConflictPolicy>> = {
  "last-writer-wins": ConflictPolicy.LAST_WRITER_WINS,
  "field-last-writer-wins": ConflictPolicy.FIELD_LAST_WRITER_WINS,
  reject: ConflictPolicy.REJECT,
  "keep-siblings": ConflictPolicy.KEEP_SIBLINGS,
  "merge-function": ConflictPolicy.MERGE_FUNCTION,
};

/** All policies, by name. */
export const POLICY_NAMES: readonly SyncPolicy[] = Object.keys(POLICIES) as SyncPolicy[];

export function toPolicy(policy: SyncPolicy): ConflictPolicy {
  return POLICIES[policy];
}

/** A policy's name; of one that is not known here, the default's. */
export function policyNameOf(policy: ConflictPolicy): SyncPolicy {
  return POLICY_NAMES.find((name) => POLICIES[name] === policy) ?? "last-writer-wins";
}
