import {
  isSameHybridTime,
  MAX_CLOCK_SKEW_MS,
  MAX_DOCUMENT_ID_BYTES,
  MAX_PUSH_BYTES,
  MAX_PUSH_CHANGES,
  type Reason,
  ServiceError,
  type SyncChange,
  SyncOutcome,
  type SyncPush,
  type SyncPushResult,
} from "@millrace/shared-types";

import { checkLimit } from "../events/check-limit.js";

import { checkChange, type Pusher } from "./check-change.js";
import type { CollectionRecord } from "./collections.js";
import { gap, type HandledChange, isAfterHole, isRefusal } from "./handled-change.js";
import { policyOf } from "./policies/policy-of.js";
import type { PushedChange, Resolution } from "./policies/resolution.js";
import { type HandledPush, resultsOf, type UnheardChanges, unheardOf } from "./push-answer.js";
import { loadReplica, type RefusedChange, type ReplicaRecord, replicaMutation } from "./replica-record.js";
import { StagedDocuments } from "./staged-documents.js";
import type { SyncDeps } from "./sync-deps.js";

/** Far above what any contention causes: only a fault can make a commit lose this often in a row. */
const MAX_ATTEMPTS = 1000;

/** What a push did. */
export interface AppliedPush {
  readonly result: SyncPushResult;
  readonly unheard: UnheardChanges;
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
    if (after === replica) return this.#answer(replica.lastSequence, { handled, before: replica, versions: [] });
    const mutations = [...this.#staged.mutations(), replicaMutation(replicaId, after)];
    const { outcomes, committed } = await items.commit(mutations, { atomic: true });
    if (!committed) return undefined;
    const versions = outcomes.map((outcome) => (outcome.type === "written" ? outcome.version : 0));
    return this.#answer(after.lastSequence, { handled, before: replica, versions });
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

  async #handleAll(last: number): Promise<readonly HandledChange[]> {
    const handled: HandledChange[] = [];
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
  async #handle(change: SyncChange): Promise<Pick<HandledChange, "outcome" | "error">> {
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
  #allOrNone(handled: readonly HandledChange[]): readonly HandledChange[] {
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

  #answer(lastReplicaSequence: number, handled: Omit<HandledPush, "staged">): AppliedPush {
    const push = { ...handled, staged: this.#staged };
    const result = { pushId: this.#push.pushId, results: resultsOf(push), lastReplicaSequence };
    return { result, unheard: unheardOf(push) };
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
  handled: readonly HandledChange[],
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

/** Whether a row can have this key: others are refused before they are looked up. */
function isKey(docId: string): boolean {
  return docId !== "" && docId.isWellFormed() && Buffer.byteLength(docId) <= MAX_DOCUMENT_ID_BYTES;
}
