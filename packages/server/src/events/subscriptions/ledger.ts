import { ServiceError } from "@millrace/shared-types";

import type { Clock } from "../../ports/clock.js";
import type { Mutation, RecordStore } from "../../ports/record-store.js";
import { VersionConflict } from "../../ports/record-store.js";
import type { Versioned } from "../../records/json-records.js";
import { putJson, removeRecord } from "../../records/json-records.js";

import { MAX_RETRY_DELAY_MS } from "./subscription-config.js";
import type { ParkedRecord, SubscriptionRecord } from "./subscription-record.js";
import { PARKED, parkedKey, STATES, subscriptionNotFound } from "./subscription-record.js";
import type { ParkedNumbers, PendingEvent, StoredState, SubscriptionState } from "./subscription-state.js";
import { acknowledgedSequence, fromStored, toStored } from "./subscription-state.js";
import type { Work, WorkQueue } from "./work-queue.js";

/** Parked events that go back to the queue at a time. */
const REPLAY_PAGE = 500;

/**
 * What a subscription has done, in memory and in the record store. Changes are made in memory, at once;
 * `write` makes all of them durable that were made before it was called.
 */
export class Ledger {
  readonly #records: RecordStore;
  readonly #clock: Clock;
  readonly #subscription: SubscriptionRecord;
  readonly #queue: WorkQueue;
  #version: number;
  #parked: ParkedNumbers;
  /** The newest parked event that is in the store. */
  #storedParked: number;
  #idleSinceMs: number;
  #scannedTo: number;
  /** Nothing beyond this sequence was settled or tried in vain: that part need not be written. */
  #touched: number;
  #acknowledged: number;
  /** What goes with the next write. */
  #also: Mutation[] = [];

  /** Fills `queue`, which it describes from then on, with what was pending. */
  constructor(
    { records, clock }: { readonly records: RecordStore; readonly clock: Clock },
    subscription: SubscriptionRecord,
    stored: Versioned<StoredState>,
    queue: WorkQueue,
  ) {
    const state = fromStored(stored.value);
    this.#records = records;
    this.#clock = clock;
    this.#subscription = subscription;
    this.#queue = queue;
    this.#version = stored.version;
    this.#parked = state.parked;
    this.#storedParked = state.parked.last;
    this.#idleSinceMs = state.idleSinceMs;
    this.#scannedTo = state.position;
    this.#touched = state.position;
    this.#acknowledged = acknowledgedSequence(state);
    for (const { sequence, attempts, notBeforeMs } of state.pending) {
      const waitMs = Math.min(notBeforeMs - clock.now(), MAX_RETRY_DELAY_MS); // the wall clock may have been set back
      queue.addUnread(sequence, attempts, clock.monotonicMs() + waitMs);
    }
  }

  /** Every event up to this sequence is in the queue or has left it. */
  get scannedTo(): number {
    return this.#scannedTo;
  }

  set scannedTo(sequence: number) {
    this.#scannedTo = sequence;
  }

  /** Every event up to this sequence is done or parked, durably. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Events that are parked and not asked back. */
  get parked(): number {
    return this.#parked.last - this.#parked.replayTo;
  }

  /** Since when there has been no consumer, in milliseconds since 1970. */
  get idleSinceMs(): number {
    return this.#idleSinceMs;
  }

  set idleSinceMs(ms: number) {
    this.#idleSinceMs = ms;
  }

  /** Call it for every event that was settled or tried in vain. */
  touch({ sequence }: Pick<Work, "sequence">): void {
    this.#touched = Math.max(this.#touched, sequence);
  }

  /** Parks an event, which the caller settles. */
  park(work: Work, reason: string): void {
    const { sequence, attempts } = work;
    const record: ParkedRecord = { sequence, attempts, reason, parkedAtMs: this.#clock.now() };
    this.#parked = { ...this.#parked, last: this.#parked.last + 1 };
    this.#also.push(putJson(PARKED, this.#parkedKey(this.#parked.last), record));
  }

  /** Asks back at most `limit` of the events that are parked, oldest first. Returns how many. */
  askBack(limit: number): number {
    const count = Math.min(limit, this.parked);
    this.#parked = { ...this.#parked, replayTo: this.#parked.replayTo + count };
    return count;
  }

  /** Whether events that were asked back can be put into the queue. */
  get owesReplays(): boolean {
    return this.#parked.replayed < Math.min(this.#parked.replayTo, this.#storedParked);
  }

  /** Puts some of the events that were asked back into the queue. */
  async replaySome(isCurrent: () => boolean): Promise<void> {
    const { replayed, replayTo } = this.#parked;
    const limit = Math.min(REPLAY_PAGE, Math.min(replayTo, this.#storedParked) - replayed);
    const prefix = `${this.#subscription.id}/`;
    const found = await this.#records.scan(PARKED, { prefix, after: this.#parkedKey(replayed), limit });
    if (!isCurrent()) return;
    for (const { key, value } of found) {
      const { sequence } = JSON.parse(value) as ParkedRecord;
      this.#also.push(removeRecord(PARKED, key));
      // What lies ahead (after a seek back) comes with the rest of the log.
      if (sequence > this.#scannedTo) continue;
      this.#queue.addUnread(sequence);
      this.touch({ sequence });
    }
    this.#parked = { ...this.#parked, replayed: replayed + limit };
  }

  /** Goes to another position; what was not done is forgotten. */
  seek(position: number): void {
    this.#queue.clear();
    this.#scannedTo = position;
    this.#touched = position;
  }

  /**
   * Makes durable what has happened so far. One call at a time.
   *
   * @throws ServiceError what the store says; `RESOURCE_NOT_FOUND` if the subscription was deleted
   */
  async write(): Promise<void> {
    const state = this.#state();
    const also = this.#also;
    this.#also = [];
    const { id, config } = this.#subscription;
    try {
      await this.#records.commit([putJson(STATES, id, toStored(state), this.#version), ...also]);
    } catch (error) {
      throw error instanceof VersionConflict ? conflict(error, config.name) : error;
    }
    this.#version += 1;
    this.#storedParked = state.parked.last;
    this.#acknowledged = acknowledgedSequence(state);
  }

  #parkedKey(number: number): string {
    return parkedKey(this.#subscription.id, number);
  }

  /** Leaves out the end of what was read and not touched: after a restart it is simply read again. */
  #state(): SubscriptionState {
    const aheadMs = this.#clock.now() - this.#clock.monotonicMs();
    const pending: PendingEvent[] = [];
    let position = this.#scannedTo;
    for (const { sequence, attempts, notBeforeMs } of this.#queue.unfinished()) {
      if (sequence > this.#touched) position = Math.min(position, sequence - 1);
      else pending.push({ sequence, attempts, notBeforeMs: Math.max(0, Math.ceil(notBeforeMs + aheadMs)) });
    }
    return { position, pending, parked: this.#parked, idleSinceMs: this.#idleSinceMs };
  }
}

function conflict({ actualVersion }: VersionConflict, name: string): ServiceError {
  if (actualVersion === 0) return subscriptionNotFound(name);
  return new ServiceError("BACKEND_UNAVAILABLE", `the subscription "${name}" was changed by another server`, {
    retryAfterMs: 1000,
  });
}
