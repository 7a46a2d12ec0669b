import type { SyncChange } from "@millrace/shared-types";

import type { LocalReplica } from "./local-replica.js";
import { toSyncChange } from "./pending-change.js";

/** What is pushed at a time; of changes that were made together, more: 500 of them, with contents of 1 MiB. */
const MAX_CHANGES = 500;
const MAX_BYTES = 1024 * 1024;

/** Changes that are pushed together. */
export interface NextPush {
  readonly changes: SyncChange[];
  /** Of the last of them, or what it was before. */
  readonly lastSequence: number;
}

/** The pending changes after one, as many as fit into a push. Changes that were made together stay together. */
export function nextPush(local: LocalReplica, after: number): NextPush {
  const changes: SyncChange[] = [];
  let bytes = 0;
  /** How many changes are complete groups. */
  let complete = 0;
  let lastSequence = after;
  for (const change of local.pushable(after)) {
    const message = toSyncChange(change, local.followed.get(change.collection)?.policy);
    bytes += message.content.byteLength;
    if (complete > 0 && (changes.length >= MAX_CHANGES || bytes > MAX_BYTES)) break;
    changes.push(message);
    if (change.hasMore) continue;
    complete = changes.length;
    lastSequence = change.sequence;
  }
  return { changes: changes.slice(0, complete), lastSequence };
}
