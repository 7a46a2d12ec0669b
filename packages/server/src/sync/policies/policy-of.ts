import { ConflictPolicy } from "@millrace/shared-types";

import { checkHasNoContext, keepSiblings } from "./keep-siblings.js";
import { lastWriter } from "./last-writer.js";
import { mergeByFunction } from "./merge-by-function.js";
import { mergeFields } from "./merge-fields.js";
import { rejectConcurrent } from "./reject.js";
import type { Policy } from "./resolution.js";

const POLICIES: ReadonlyMap<ConflictPolicy, Policy> = new Map<ConflictPolicy, Policy>([
  [ConflictPolicy.LAST_WRITER_WINS, lastWriter],
  [ConflictPolicy.FIELD_LAST_WRITER_WINS, mergeFields],
  [ConflictPolicy.REJECT, rejectConcurrent],
  [ConflictPolicy.MERGE_FUNCTION, mergeByFunction],
]);

/** What a collection's policy does; `undefined` if there is no such policy. */
export function policyOf(policy: ConflictPolicy): Policy | undefined {
  if (policy === ConflictPolicy.KEEP_SIBLINGS) return keepSiblings;
  const found = POLICIES.get(policy);
  return (
    found &&
    ((current, change, context) => {
      checkHasNoContext(change);
      return found(current, change, context);
    })
  );
}
