import {
  encodeMessage,
  isSameHybridTime,
  MAX_CLOCK_SKEW_MS,
  MAX_DOCUMENT_ID_BYTES,
  MAX_PUSH_BYTES,
  MAX_PUSH_CHANGES,
  type Reason,
  ServiceError,
  statusOf,
  SyncChange,
  type SyncChangeResult,
  SyncOutcome,
  type SyncPush,
  type SyncPushResult,
} from "@millrace/shared-types";

import { checkLimit } from "../events/check-limit.js";

import { checkChange, type Pusher } from "./check-change.js";
import type { CollectionRecord } from "./collections.js";
import { toChange } from "./document.js";
import { policyOf } from "./policies/policy-of.js";
import type { PushedChange, Resolution } from "./policies/resolution.js";
import { loadReplica, type RefusedChange, type ReplicaRecord, replicaMutation } from "./replica-record.js";
import { StagedDocuments } from "./staged-documents.js";
import type { SyncDeps } from "./sync-deps.js";

/** Far above what any contention causes: only a fault can make a commit lose this often in a row. */
const MAX_ATTEMPTS = 1000;

/** Of the documents in one result; others come with the changes. A message may have 4 MiB, and 100,000 elements. */
const MAX_CURRENT_BYTES = 1024 * 1024;

/** What a push did. */
export interface AppliedPush {
  readonly result: SyncPushResult;
  readonly unheard: UnheardChanges;
}

/** Changes that had been handled before: the replica did not hear what became of them. */
export interface UnheardChanges {
  /** The greatest of their sequences; 0: there are none. */
  readonly sequence: number;
  /** Versions that the replica may lack although it wrote them. */
  readonly documents: readonly { readonly collection: CollectionRecord; readonly version: number }[];
  /** Collections of which a document that it wrote is gone, and forgotten that it was. */
  readonly forgotten: ReadonlySet<CollectionRecord>;
}

/** What became of one change, before it is committed. */
interface Handled {
  readonly sequence: number;
  readonly outcome: SyncOutcome;
  readonly error?: ServiceError | undefined;
  /** The document that it is about, if there is such a collection. */
  readonly about?: { readonly collection: CollectionRecord; readonly docId: string } | undefined;
  /** It has a place among the replica's changes that was not taken before. */
  readonly isNew: boolean;
}

/** A replica that was welcomed. */
export interface WelcomedPusher extends Pusher {
  /** Of the replica; empty if it does not say. */
  readonly incarnation: string;
  /** The one that had pushed before. */
  readonly welcomedAfter: string;
}

type PushDeps = Pick<SyncDeps, "items" | "collections" | "serverClock" | "mergeFunctions">;

/**
 * Applies the changes of a push in order and answers once they are durable, together with the note that they have been
 * handled: however often a change is sent, it is applied once.
 *
 * @throws ServiceError `LIMIT_EXCEEDED` if the push is too large, `PERMISSION_DENIED` if the replica is somebody else's,
 *   `BACKEND_UNAVAILABLE` if another incarnation of it has pushed since this one was welcomed
 */
export async function applyPush(push: SyncPush, pusher: WelcomedPusher, deps: PushDeps): Promise<AppliedPush> {
  checkSize(push);
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const applied = await new PushAttempt(push, pusher, deps).run();
    if (applied !== undefined) return applied;
  }
  throw new ServiceError("BACKEND_UNAVAILABLE", "too many writers at once", { retryAfterMs: 1000 });
}

function checkSize({ changes }: SyncPush): void {
  checkLimit("push.changes", "max_push_changes", MAX_PUSH_CHANGES, changes.length);
  const bytes = changes.reduce((sum, { content }) => sum + content.byteLength, 0);
  checkLimit("push.changes", "max_push_bytes", MAX_PUSH_BYTES, bytes);
}

/** Reads, decides and commits, unless somebody else commits in between. */
class PushAttempt {
  readonly #push: SyncPush;
  readonly #pusher: WelcomedPusher;
  readonly #deps: PushDeps;
  #staged = new StagedDocuments();

  constructor(push: SyncPush, pusher: WelcomedPusher, deps: PushDeps) {
    this.#push = push;
    this.#pusher = pusher;
    this.#deps = deps;
  }

  /** @returns `undefined` if somebody else was faster */
  async run(): Promise<AppliedPush | undefined> {
    const { items } = this.#deps;
    const { replicaId, userId } = this.#pusher;
    const replica = await loadReplica(items, replicaId, userId);
    checkIncarnation(this.#pusher, replica);
    this.#staged = await StagedDocuments.load(items, this.#wanted());
    const handled = this.#allOrNone(await this.#handleAll(replica.lastSequence));
    const after = replicaAfter(replica, handled, this.#pusher);
    if (after === replica) return this.#answer(handled, replica, replica, []);
    const mutations = [...this.#staged.mutations(), replicaMutation(replicaId, after)];
    const { outcomes, committed } = await items.commit(mutations, { atomic: true });
    if (!committed) return undefined;
    const versions = outcomes.map((outcome) => (outcome.type === "written" ? outcome.version : 0));
    return this.#answer(handled, replica, after, versions);
  }

  /** The documents that the push is about. */
  #wanted(): ReadonlyMap<CollectionRecord, ReadonlySet<string>> {
    const wanted = new Map<CollectionRecord, Set<string>>();
    for (const change of this.#push.changes) {
      const collection = this.#collectionOf(change);
      if (collection === undefined) continue;
      const docIds = wanted.get(collection) ?? new Set();
      wanted.set(collection, docIds.add(change.docId));
    }
    return wanted;
  }

  #collectionOf({ collection, docId }: SyncChange): CollectionRecord | undefined {
    try {
      return isKey(docId) ? this.#deps.collections.get(collection) : undefined;
    } catch (error) {
      if (error instanceof ServiceError) return undefined;
      throw error;
    }
  }

  async #handleAll(last: number): Promise<readonly Handled[]> {
    const handled: Handled[] = [];
    let expected = last + 1;
    for (const change of this.#push.changes) {
      const sequence = change.replicaSequence;
      const collection = this.#collectionOf(change);
      const about = collection && { collection, docId: change.docId };
      if (sequence < expected) {
        handled.push({ sequence, outcome: SyncOutcome.DUPLICATE, about, isNew: false });
      } else if (sequence > expected) {
        handled.push({ sequence, outcome: SyncOutcome.REJECTED, error: gap(expected, sequence), isNew: false });
      } else {
        handled.push({ sequence, about, isNew: true, ...(await this.#handle(change)) });
        expected += 1;
      }
    }
    return handled;
  }

  /** Applies one change to the staged documents. */
  async #handle(change: SyncChange): Promise<Pick<Handled, "outcome" | "error">> {
    try {
      const collection = this.#deps.collections.get(change.collection);
      const checked = checkChange(change, this.#pusher, this.#deps.serverClock.nowMs());
      const resolution = await this.#resolve(collection, checked);
      if (resolution === undefined) return { outcome: SyncOutcome.DUPLICATE };
      if (resolution.document !== undefined) this.#staged.set(collection, checked.docId, resolution.document);
      return { outcome: resolution.outcome, error: "error" in resolution ? resolution.error : undefined };
    } catch (error) {
      if (error instanceof ServiceError && error.reason !== "BACKEND_UNAVAILABLE") {
        return { outcome: SyncOutcome.REJECTED, error };
      }
      throw error;
    }
  }

  /** @returns `undefined` if this very version is in the document already, brought by another replica */
  async #resolve(collection: CollectionRecord, change: PushedChange): Promise<Resolution | undefined> {
    const { serverClock, mergeFunctions } = this.#deps;
    const current = this.#staged.get(collection, change.docId);
    if (current?.versions.some(({ time }) => isSameHybridTime(time, change.version.time)) === true) return undefined;
    const policy = policyOf(collection.policy);
    if (policy === undefined) throw new Error(`collection ${collection.name} has an unknown policy`);
    // The time of a deletion may have been so far ahead of the clock by which it is forgotten.
    const horizonMs = serverClock.nowMs() - collection.retentionMs + MAX_CLOCK_SKEW_MS;
    return policy(current, change, { serverClock, horizonMs, mergeFunction: mergeFunctions.get(collection.name) });
  }

  /** If the push is atomic and one change cannot become the current version, none does. */
  #allOrNone(handled: readonly Handled[]): readonly Handled[] {
    if (!this.#push.atomic) return handled;
    const hole = handled.find(isAfterHole);
    const hasFailed = handled.some(({ isNew, outcome }) => isNew && isRefusal(outcome));
    if (hole === undefined && !hasFailed) return handled;
    this.#staged.revert();
    return handled.map((each) => {
      if (!each.isNew) return each;
      if (hole !== undefined) return { ...hole, sequence: each.sequence };
      return isRefusal(each.outcome) ? each : { ...each, ...NOT_ALL };
    });
  }

  #answer(
    handled: readonly Handled[],
    before: ReplicaRecord,
    { lastSequence }: ReplicaRecord,
    versions: readonly number[],
  ): AppliedPush {
    let bytes = 0;
    const results = handled.map((each): SyncChangeResult => {
      const refusal = each.error ?? rememberedRefusal(each, before);
      const current = needsCurrent(each, refusal) ? this.#current(each, versions) : undefined;
      bytes += current === undefined ? 0 : encodeMessage(SyncChange, current).byteLength;
      return {
        replicaSequence: each.sequence,
        outcome: each.outcome,
        current: bytes <= MAX_CURRENT_BYTES ? current : undefined,
        status: refusal && statusOf(refusal),
        sequence: this.#versionOf(each, versions) ?? 0,
      };
    });
    const { pushId } = this.#push;
    const result = { pushId, results, lastReplicaSequence: lastSequence };
    return { result, unheard: this.#unheard(handled, before) };
  }

  #current(each: Handled, versions: readonly number[]): SyncChange | undefined {
    if (each.about === undefined) return undefined;
    const { collection, docId } = each.about;
    const document = this.#staged.get(collection, docId);
    if (document === undefined) return undefined;
    const sequence = this.#versionOf(each, versions) ?? this.#staged.versionOf(collection, docId);
    return toChange(collection.name, docId, document, sequence);
  }

  /** The version that the push gave to a change's document. */
  #versionOf({ about }: Handled, versions: readonly number[]): number | undefined {
    return about && versions[this.#staged.mutationIndexOf(about.collection, about.docId)];
  }

  #unheard(handled: readonly Handled[], before: ReplicaRecord): UnheardChanges {
    const repeated = handled.filter(({ outcome }) => outcome === SyncOutcome.DUPLICATE);
    const documents: { collection: CollectionRecord; version: number }[] = [];
    const forgotten = new Set<CollectionRecord>();
    for (const each of repeated) {
      if (each.about === undefined) continue;
      const { collection, docId } = each.about;
      const version = this.#staged.versionOf(collection, docId);
      if (version > 0) documents.push({ collection, version });
      else if (rememberedRefusal(each, before) === undefined) forgotten.add(collection);
    }
    return { sequence: Math.max(0, ...repeated.map(({ sequence }) => sequence)), documents, forgotten };
  }
}

const NOT_ALL = {
  outcome: SyncOutcome.REJECTED,
  error: new ServiceError("REVISION_MISMATCH", "another change of the atomic push was refused"),
} as const;

/**
 * What a push that was still on its way at the welcome brought may be of a copy, under the numbers of these changes:
 * they would pass for handled. The next welcome lets the replica see that.
 */
function checkIncarnation({ replicaId, incarnation, welcomedAfter }: WelcomedPusher, replica: ReplicaRecord): void {
  if (incarnation === "" || [incarnation, welcomedAfter].includes(replica.incarnation)) return;
  const message = `replica ${JSON.stringify(replicaId)} has pushed in another session: say hello again`;
  throw new ServiceError("BACKEND_UNAVAILABLE", message);
}

function replicaAfter(
  replica: ReplicaRecord,
  handled: readonly Handled[],
  { incarnation }: WelcomedPusher,
): ReplicaRecord {
  const fresh = handled.filter(({ isNew }) => isNew);
  const last = fresh.at(-1);
  if (last === undefined) return replica;
  const refused = fresh.flatMap(({ sequence, outcome, error }): readonly RefusedChange[] => {
    if (outcome !== SyncOutcome.CONFLICT && outcome !== SyncOutcome.REJECTED) return [];
    return [{ sequence, outcome, reason: (error?.reason ?? "INTERNAL") as Reason }];
  });
  return { ...replica, lastSequence: last.sequence, incarnation, refused: [...replica.refused, ...refused] };
}

/** Why a change that is sent again was refused the first time. */
function rememberedRefusal({ sequence, outcome }: Handled, { refused }: ReplicaRecord): ServiceError | undefined {
  if (outcome !== SyncOutcome.DUPLICATE) return undefined;
  const found = refused.find((each) => each.sequence === sequence);
  return found && new ServiceError(found.reason, "it was refused when it came first");
}

function needsCurrent({ outcome }: Handled, refusal: ServiceError | undefined): boolean {
  return outcome !== SyncOutcome.APPLIED && (outcome !== SyncOutcome.DUPLICATE || refusal !== undefined);
}

function isRefusal(outcome: SyncOutcome): boolean {
  return outcome === SyncOutcome.CONFLICT || outcome === SyncOutcome.REJECTED || outcome === SyncOutcome.SUPERSEDED;
}

function gap(expected: number, actual: number): ServiceError {
  const message = `the next change of this replica has replica_sequence ${String(expected)}, not ${String(actual)}`;
  return new ServiceError("FUTURE_POSITION", message, { metadata: { last_sequence: expected - 1 } });
}

function isAfterHole({ error }: Handled): boolean {
  return error?.reason === "FUTURE_POSITION";
}

/** Whether a row can have this key: others are refused before they are looked up. */
function isKey(docId: string): boolean {
  return docId !== "" && docId.isWellFormed() && Buffer.byteLength(docId) <= MAX_DOCUMENT_ID_BYTES;
}
