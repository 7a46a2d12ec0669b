import { randomUUID } from "node:crypto";

import type { HybridClock, SyncChange, SyncChangeResult, SyncWelcome } from "@millrace/shared-types";

import { applyStaged } from "./apply-staged.js";
import { type DocumentRecord, packDocument } from "./document-record.js";
import { type FollowedState, packFollowed, unpackFollowed } from "./followed-collection.js";
import { type LocalWrite, type WrittenChange, writtenChange } from "./local-write.js";
import { visibleDocument } from "./overlay.js";
import { packPending, type PendingChange, pendingKey } from "./pending-change.js";
import { PushAnswers, type RefusedChange } from "./push-answers.js";
import { renumbered } from "./renumber.js";
import {
  clockOf,
  isOwnPast,
  newIdentity,
  packIdentity,
  type ReplicaIdentity,
  unpackIdentity,
  withOpening,
} from "./replica-identity.js";
import type { ReplicaStore, ReplicaWrite } from "./replica-store.js";
import { keysIn, keyOf, mergedKeys, pendingIn, put, Table } from "./replica-tables.js";
import { restamp } from "./restamp.js";
import { stagedOf } from "./server-result.js";

const IDENTITY = "identity";

/** A time that is further ahead of the server's clock than this might be refused. Half of what the server allows. */
const MAX_AHEAD_MS = 30_000;

/** What a step has done to the documents. */
export interface Changed {
  /** Keys of documents that may look different now. */
  readonly keys: ReadonlySet<string>;
  /** Collections of which too many look different to name them. */
  readonly reloaded: ReadonlySet<string>;
  readonly refused: readonly RefusedChange[];
}

/**
 * The documents of a replica and what it owes the server, in its store. Every method is one step: what it reads and
 * what it writes because of it belong together, also for who kills the process.
 */
export class LocalReplica {
  readonly #store: ReplicaStore;
  readonly #now: () => number;
  readonly #followed = new Map<string, FollowedState>();
  /** Tells this opening of the replica from others, of it or of a copy of its file. */
  readonly incarnation: string = randomUUID();
  #identity: ReplicaIdentity;
  /** Settled under identities that it had before, since it was opened. */
  #earlierChanges = 0;
  #clock: HybridClock;
  /** Pending changes up to this one would survive the end of the process: only these may be pushed. */
  #durableSequence: number;
  /** The replica that this is a sequence of. */
  #durableOf: string;
  readonly #answers = new PushAnswers();

  /** @param filters by collection, those that are followed */
  constructor(store: ReplicaStore, filters: ReadonlyMap<string, string>, now: () => number) {
    this.#store = store;
    this.#now = now;
    const stored = store.get(Table.REPLICA, IDENTITY);
    this.#identity = stored === undefined ? newIdentity() : unpackIdentity(stored);
    this.#clock = clockOf(this.#identity, now);
    this.#durableSequence = this.#identity.nextSequence - 1;
    this.#durableOf = this.#identity.replicaId;
    for (const [name, filter] of filters) {
      const state = unpackFollowed(store.get(Table.FOLLOWED, name), filter);
      this.#followed.set(name, state);
      if (state.cursor === "" && state.stagedCursor === "") void this.reset(name);
    }
  }

  get identity(): ReplicaIdentity {
    return this.#identity;
  }

  get followed(): ReadonlyMap<string, FollowedState> {
    return this.#followed;
  }

  /** Changes of which the server has not said what became of them. */
  get pendingChanges(): number {
    return this.#identity.nextSequence - 1 - this.#identity.settledSequence - this.#answers.size;
  }

  /** Changes that the server has handled, and that are not in a checkpoint. */
  get unsettledChanges(): number {
    return this.#answers.size;
  }

  /** Counts the changes that were made here; goes on counting when the replica gets a new identity. */
  get madeChanges(): number {
    return this.#earlierChanges + this.#identity.nextSequence - 1;
  }

  /** Whether the first so many changes have been settled. */
  isSettled(madeChanges: number): boolean {
    return this.#earlierChanges + this.#identity.settledSequence >= madeChanges;
  }

  /** A document as its owner sees it. */
  get(collection: string, id: string): DocumentRecord | undefined {
    const record = visibleDocument(this.#store, keyOf(collection, id));
    return record?.isDeleted === true ? undefined : record;
  }

  /** Documents of a collection in order of id, read page by page. */
  *documents(collection: string, prefix: string): Generator<{ readonly id: string; readonly record: DocumentRecord }> {
    const start = keyOf(collection, "");
    for (const key of mergedKeys(
      keysIn(this.#store, Table.DOCUMENTS, start + prefix),
      keysIn(this.#store, Table.OVERLAY, start + prefix),
    )) {
      const id = key.slice(start.length);
      const record = this.get(collection, id);
      if (record !== undefined) yield { id, record };
    }
  }

  /** Makes changes of the owner's. @returns the keys of the documents, and when that is durable */
  write(writes: readonly LocalWrite[]): { readonly keys: ReadonlySet<string>; readonly durable: Promise<void> } {
    const made: ReplicaWrite[] = [];
    const overlay = new Map<string, DocumentRecord>();
    const useful = writes.filter((write) => this.#isUseful(write, overlay));
    for (const [index, write] of useful.entries()) {
      const key = keyOf(write.collection, write.id);
      const before = overlay.get(key) ?? visibleDocument(this.#store, key);
      const { change, record } = this.#changeOf(write, before, index < useful.length - 1);
      overlay.set(key, record);
      made.push(put(Table.PENDING, pendingKey(change.sequence), packPending(change)));
      made.push(put(Table.OVERLAY, key, packDocument(record)));
    }
    if (made.length > 0) made.push(this.#identityWrite());
    return { keys: new Set(overlay.keys()), durable: this.#keep(made) };
  }

  /** Pending changes after one, in order, that may be pushed. */
  *pushable(after: number): Generator<PendingChange> {
    for (const change of pendingIn(this.#store, after)) {
      if (change.sequence > this.#durableSequence) return;
      yield change;
    }
  }

  /**
   * A session has begun: what the server said in an earlier one and is in no checkpoint, it will say again.
   *
   * @returns whether the server knows another past of this replica: it has got a new identity, and has to say hello again
   */
  welcomed(welcome: SyncWelcome): { readonly isStranger: boolean; readonly durable: Promise<void> } {
    const { clock, lastReplicaSequence, policies } = welcome;
    this.#answers.clear();
    for (const [name, policy] of policies) {
      const state = this.#followed.get(name);
      if (state !== undefined) this.#followed.set(name, { ...state, policy });
    }
    const { settledSequence, nextSequence } = this.#identity;
    const isPossible = lastReplicaSequence >= settledSequence && lastReplicaSequence < nextSequence;
    const isStranger = !isPossible || !isOwnPast(this.#identity, welcome);
    if (isStranger) this.#renumber();
    else this.#identity = withOpening(this.#identity, welcome.incarnation, this.incarnation);
    const writes = [...this.#followed].map(([name, state]) => put(Table.FOLLOWED, name, packFollowed(state)));
    if (clock !== undefined) writes.push(...this.#followServerClock(clock.wallMs));
    return { isStranger, durable: this.#store.write([...writes, this.#identityWrite()]) };
  }

  /** The collection is to be loaded anew; what is here stays until all of it has come. */
  reset(collection: string): Promise<void> {
    const state = this.#followed.get(collection);
    if (state === undefined) return Promise.resolve();
    const anew = { ...state, cursor: "", stagedCursor: "", isReset: true };
    this.#followed.set(collection, anew);
    const clear: ReplicaWrite = { type: "clear", table: Table.STAGED, prefix: keyOf(collection, "") };
    return this.#store.write([clear, put(Table.FOLLOWED, collection, packFollowed(anew))]);
  }

  /** Keeps changes of the server until the next checkpoint. */
  stage(changes: readonly SyncChange[], cursors: ReadonlyMap<string, string>): Promise<void> {
    const writes: ReplicaWrite[] = [];
    for (const change of changes) {
      if (!this.#followed.has(change.collection)) continue;
      if (change.time !== undefined) this.#clock.observe(change.time);
      writes.push(put(Table.STAGED, keyOf(change.collection, change.docId), stagedOf(change)));
    }
    for (const [name, stagedCursor] of cursors) writes.push(...this.#follow(name, { stagedCursor }));
    return this.#store.write([...writes, this.#identityWrite()]);
  }

  /** The server has handled changes. */
  handled(results: readonly SyncChangeResult[]): void {
    this.#answers.add(results);
  }

  /** The documents are as the server had them at one moment, and what it has handled before that is settled. */
  checkpoint(cursors: ReadonlyMap<string, string>): { readonly changed: Changed; readonly durable: Promise<void> } {
    const {
      sequence,
      keys,
      refused,
      writes: settling,
    } = this.#answers.settle(this.#store, this.#identity.settledSequence, this.#followed);
    this.#identity = { ...this.#identity, settledSequence: sequence };
    // What is settled is staged like everything else: the newer one of both counts.
    void this.#store.write(settling);
    const changed = { keys: new Set(keys), reloaded: new Set<string>(), refused };
    const writes = [...cursors].flatMap(([name, cursor]) => this.#apply(name, cursor, changed));
    return { changed, durable: this.#store.write([...writes, this.#identityWrite()]) };
  }

  /** Writes changes of the owner's. Resolves when they are durable. */
  async #keep(writes: readonly ReplicaWrite[]): Promise<void> {
    const { replicaId, nextSequence } = this.#identity;
    // Of sequences that were given out before a new identity there may be more than there are now.
    if (replicaId !== this.#durableOf) this.#durableSequence = 0;
    this.#durableOf = replicaId;
    await this.#store.write(writes);
    if (replicaId === this.#identity.replicaId) {
      this.#durableSequence = Math.max(this.#durableSequence, nextSequence - 1);
    }
  }

  /** Deleting what is not there is not worth a change. */
  #isUseful({ collection, id, put: content }: LocalWrite, overlay: ReadonlyMap<string, DocumentRecord>): boolean {
    if (content !== undefined || overlay.has(keyOf(collection, id))) return true;
    return this.get(collection, id) !== undefined;
  }

  #changeOf(write: LocalWrite, before: DocumentRecord | undefined, hasMore: boolean): WrittenChange {
    if (before !== undefined) for (const { time } of [before, ...before.siblings]) this.#clock.observe(time);
    const { nextSequence: sequence } = this.#identity;
    this.#identity = { ...this.#identity, nextSequence: sequence + 1 };
    return writtenChange(write, before, { sequence, time: this.#clock.tick(), hasMore });
  }

  #apply(
    collection: string,
    cursor: string,
    changed: { readonly keys: Set<string>; readonly reloaded: Set<string> },
  ): readonly ReplicaWrite[] {
    const state = this.#followed.get(collection);
    if (state === undefined) return [];
    const { keys, isReloaded, writes } = applyStaged(this.#store, collection, state.isReset);
    for (const key of keys) changed.keys.add(key);
    if (isReloaded) changed.reloaded.add(collection);
    return [...writes, ...this.#follow(collection, { cursor, stagedCursor: "", isReset: false })];
  }

  #follow(collection: string, change: Partial<FollowedState>): readonly ReplicaWrite[] {
    const state = this.#followed.get(collection);
    if (state === undefined) return [];
    const followed = { ...state, ...change };
    this.#followed.set(collection, followed);
    return [put(Table.FOLLOWED, collection, packFollowed(followed))];
  }

  /** Pending changes become those of a new replica, which the server does not know yet. */
  #renumber(): void {
    const { identity, writes } = renumbered(this.#store, this.#identity);
    this.#earlierChanges += this.#identity.settledSequence;
    this.#identity = identity;
    this.#clock = clockOf({ ...identity, clock: this.#clock.last }, this.#now);
    void this.#keep(writes);
  }

  /** The times of changes may not be far ahead of the server's clock: those that are get new ones. */
  #followServerClock(serverMs: number): readonly ReplicaWrite[] {
    const offsetMs = serverMs - this.#now();
    const limitMs = serverMs + MAX_AHEAD_MS;
    const { wallMs } = this.#clock.last;
    const last = wallMs > limitMs ? { wallMs: serverMs, counter: 0 } : this.#clock.last;
    this.#identity = { ...this.#identity, offsetMs };
    this.#clock = clockOf({ ...this.#identity, clock: last }, this.#now);
    if (wallMs <= limitMs) return [];
    return restamp(this.#store, this.#identity.settledSequence, this.#clock, limitMs);
  }

  #identityWrite(): ReplicaWrite {
    this.#identity = { ...this.#identity, clock: this.#clock.last };
    return put(Table.REPLICA, IDENTITY, packIdentity(this.#identity));
  }
}
