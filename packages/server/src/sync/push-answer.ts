import {
  encodeMessage,
  type ServiceError,
  statusOf,
  SyncChange,
  type SyncChangeResult,
  SyncOutcome,
} from "@millrace/shared-types";

import type { CollectionRecord } from "./collections.js";
import { toChange } from "./document.js";
import { type HandledChange, rememberedRefusal } from "./handled-change.js";
import type { ReplicaRecord } from "./replica-record.js";
import type { StagedDocuments } from "./staged-documents.js";

/** Of the documents in one result; others come with the changes. A message may have 4 MiB, and 100,000 elements. */
const MAX_CURRENT_BYTES = 1024 * 1024;

/** Changes that had been handled before: the replica did not hear what became of them. */
export interface UnheardChanges {
  /** The greatest of their sequences; 0: there are none. */
  readonly sequence: number;
  /** Versions that the replica may lack although it wrote them. */
  readonly documents: readonly { readonly collection: CollectionRecord; readonly version: number }[];
  /** Collections of which a document that it wrote is gone, and forgotten that it was. */
  readonly forgotten: ReadonlySet<CollectionRecord>;
}

/** What a push came to. */
export interface HandledPush {
  readonly handled: readonly HandledChange[];
  /** What was known of the replica before. */
  readonly before: ReplicaRecord;
  readonly staged: StagedDocuments;
  /** That the commit gave, by mutation; empty if there was nothing to commit. */
  readonly versions: readonly number[];
}

/** What the replica is told of its changes, in their order. */
export function resultsOf(push: HandledPush): SyncChangeResult[] {
  let bytes = 0;
  return push.handled.map((each): SyncChangeResult => {
    const refusal = each.error ?? rememberedRefusal(each, push.before);
    const current = needsCurrent(each, refusal) ? currentOf(each, push) : undefined;
    bytes += current === undefined ? 0 : encodeMessage(SyncChange, current).byteLength;
    return {
      replicaSequence: each.sequence,
      outcome: each.outcome,
      current: bytes <= MAX_CURRENT_BYTES ? current : undefined,
      status: refusal && statusOf(refusal),
      sequence: committedVersion(each, push) ?? 0,
    };
  });
}

export function unheardOf({ handled, before, staged }: HandledPush): UnheardChanges {
  const repeated = handled.filter(({ outcome }) => outcome === SyncOutcome.DUPLICATE);
  const documents: { collection: CollectionRecord; version: number }[] = [];
  const forgotten = new Set<CollectionRecord>();
  for (const each of repeated) {
    if (each.about === undefined) continue;
    const { collection, docId } = each.about;
    const version = staged.versionOf(collection, docId);
    if (version > 0) documents.push({ collection, version });
    else if (rememberedRefusal(each, before) === undefined) forgotten.add(collection);
  }
  return { sequence: Math.max(0, ...repeated.map(({ sequence }) => sequence)), documents, forgotten };
}

function needsCurrent({ outcome }: HandledChange, refusal: ServiceError | undefined): boolean {
  return outcome !== SyncOutcome.APPLIED && (outcome !== SyncOutcome.DUPLICATE || refusal !== undefined);
}

function currentOf(each: HandledChange, push: HandledPush): SyncChange | undefined {
  if (each.about === undefined) return undefined;
  const { collection, docId } = each.about;
  const document = push.staged.get(collection, docId);
  if (document === undefined) return undefined;
  const sequence = committedVersion(each, push) ?? push.staged.versionOf(collection, docId);
  return toChange(collection.name, docId, document, sequence);
}

/** The version that the push gave to a change's document. */
function committedVersion({ about }: HandledChange, { staged, versions }: HandledPush): number | undefined {
  return about && versions[staged.mutationIndexOf(about.collection, about.docId)];
}
