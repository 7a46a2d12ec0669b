import { ConflictPolicy, type SyncChangeResult, SyncOutcome } from "@millrace/shared-types";

import { packConflict } from "./conflict-record.js";
import { sequenceOf } from "./document-record.js";
import type { FollowedState } from "./followed-collection.js";
import { overlaySequence } from "./overlay.js";
import { type PendingChange, pendingKey } from "./pending-change.js";
import type { ReplicaStore, ReplicaWrite } from "./replica-store.js";
import { keyOf, pendingIn, put, Table } from "./replica-tables.js";
import { isRefused, ownRecord } from "./server-result.js";

/** What a refused change wanted. */
export interface RefusedChange {
  readonly collection: string;
  readonly id: string;
}

/** Changes that are no longer pending. */
export interface Settled {
  /** Of the last of them, or what it was before. */
  readonly sequence: number;
  /** Of the documents that they were about. */
  readonly keys: ReadonlySet<string>;
  readonly refused: readonly RefusedChange[];
  /** Take them back, and stage what the server does not send because it was written here. */
  readonly writes: readonly ReplicaWrite[];
}

/** A pending change and what became of it. */
interface Answered {
  readonly key: string;
  readonly change: PendingChange;
  readonly result: SyncChangeResult;
}

/** What the server has said of pending changes since the last checkpoint, by sequence. */
export class PushAnswers {
  readonly #results = new Map<number, SyncChangeResult>();

  get size(): number {
    return this.#results.size;
  }

  add(results: readonly SyncChangeResult[]): void {
    for (const result of results) this.#results.set(result.replicaSequence, result);
  }

  clear(): void {
    this.#results.clear();
  }

  /** Settles what has an answer after `settledSequence`, in order, as far as there is none before that has not. */
  settle(store: ReplicaStore, settledSequence: number, followed: ReadonlyMap<string, FollowedState>): Settled {
    const answered = this.#take(store, settledSequence);
    const refused = answered.filter(({ result }) => isRefused(result));
    return {
      sequence: answered.at(-1)?.change.sequence ?? settledSequence,
      keys: new Set(answered.map(({ key }) => key)),
      refused: refused.map(({ change: { collection, id } }) => ({ collection, id })),
      writes: [
        ...answered.flatMap((each) => takenBack(store, each)),
        ...refused.map(({ key, change, result }) => put(Table.CONFLICTS, key, packConflict(change, result))),
        ...stagedAsWritten(
          store,
          answered.filter(({ change, result }) => isAsWritten(result, followed.get(change.collection))),
        ),
      ],
    };
  }

  #take(store: ReplicaStore, settledSequence: number): readonly Answered[] {
    const answered: Answered[] = [];
    for (const change of pendingIn(store, settledSequence)) {
      const result = this.#results.get(change.sequence);
      if (result === undefined) break;
      this.#results.delete(change.sequence);
      answered.push({ key: keyOf(change.collection, change.id), change, result });
    }
    return answered;
  }
}

/** A change goes, and with it the document as it left it, if it is the newest one of that. */
function takenBack(store: ReplicaStore, { key, change: { sequence } }: Answered): readonly ReplicaWrite[] {
  const isNewest = overlaySequence(store, key) === sequence;
  return [
    { type: "delete", table: Table.PENDING, key: pendingKey(sequence) },
    ...(isNewest ? [{ type: "delete", table: Table.OVERLAY, key } as const] : []),
  ];
}

/** Whether the server has a document as it was written here, and so does not send it. */
function isAsWritten({ outcome, sequence }: SyncChangeResult, followed: FollowedState | undefined): boolean {
  const isMade = followed?.policy === ConflictPolicy.FIELD_LAST_WRITER_WINS;
  return outcome === SyncOutcome.APPLIED && sequence > 0 && !isMade && followed !== undefined;
}

/** Stages documents as the last change of each left them on the server, unless something newer is known of them. */
function stagedAsWritten(store: ReplicaStore, applied: readonly Answered[]): readonly ReplicaWrite[] {
  const own = new Map(applied.map(({ key, change, result }) => [key, ownRecord(change, result.sequence)]));
  return [...own]
    .filter(([key, value]) => knownSequence(store, key) < sequenceOf(value))
    .map(([key, value]) => put(Table.STAGED, key, value));
}

/** Of what is known of a document from the server. */
function knownSequence(store: ReplicaStore, key: string): number {
  const bytes = store.get(Table.STAGED, key) ?? store.get(Table.DOCUMENTS, key);
  return bytes === undefined ? 0 : sequenceOf(bytes);
}
