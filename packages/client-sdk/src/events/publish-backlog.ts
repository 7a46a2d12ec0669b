import type { PublishRequest } from "@millrace/shared-types";

import { ResourceExhaustedError } from "../errors.js";
import { deferred, type Deferred } from "../rpc/deferred.js";
import { handled } from "../rpc/handled.js";
import { type EventDraft, sizeOfEvent } from "./event-message.js";
import { toPublishRequest } from "./publish.js";
import type { Published } from "./types.js";

/** Events that are put into one request make it no larger than this, in bytes; one event alone may be larger. */
const MAX_REQUEST_BYTES = 1024 * 1024;

/** What an event takes in memory besides its content, in bytes, about. */
const ENTRY_BYTES = 512;

/** How many times the bound at which `ready` waits is the one at which events are refused. */
const REFUSAL_FACTOR = 2;

/** An event that is not durable yet. */
interface Entry {
  readonly draft: EventDraft;
  readonly bytes: number;
  readonly outcome: Promise<Published>;
  readonly resolve: (published: Published) => void;
  readonly reject: (error: unknown) => void;
  /** One of those that it was sent with was refused. */
  isAlone: boolean;
}

/** Events that are sent as one request. */
export interface PublishGroup {
  readonly requestId: number;
  readonly request: PublishRequest;
  readonly entries: readonly Entry[];
}

export interface BacklogLimits {
  /** Bytes at which `ready` begins to wait. */
  readonly maxPendingBytes: number;
  readonly maxRequestsInFlight: number;
  readonly maxRequestEvents: number;
}

/** The events of a publisher that are not durable yet: those that wait, and those on their way, in order. */
export class PublishBacklog {
  readonly #limits: BacklogLimits;
  /** In order; a set, because removing the first of many from an array is slow. */
  #waiting: Set<Entry> = new Set();
  readonly #groups = new Map<number, PublishGroup>();
  readonly #pending = new Set<Entry>();
  #pendingBytes = 0;
  #lastRequestId = 0;
  #room: Deferred<void> | undefined;
  /** The first failure that `takeFailure` has not told. */
  #failure: { readonly error: unknown } | undefined;

  constructor(limits: BacklogLimits) {
    this.#limits = limits;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get pendingEvents(): number {
    return this.#pending.size;
  }

  /** Requests on their way, in order. */
  get groups(): Iterable<PublishGroup> {
    return this.#groups.values();
  }

  get isInFlight(): boolean {
    return this.#groups.size > 0;
  }

  /** Queues an event. The promise needs no handler. */
  add(draft: EventDraft): Promise<Published> {
    const bytes = sizeOfEvent(draft.message) + ENTRY_BYTES;
    const most = REFUSAL_FACTOR * this.#limits.maxPendingBytes;
    if (this.#pendingBytes > 0 && this.#pendingBytes + bytes > most) {
      const waiting = `${String(this.#pendingBytes)} bytes of events wait to be stored already`;
      return this.refuse(new ResourceExhaustedError(`${waiting}: await ready() between publications`));
    }
    const entry = newEntry(draft, bytes);
    this.#pendingBytes += bytes;
    this.#pending.add(entry);
    this.#waiting.add(entry);
    return entry.outcome;
  }

  /** The failure of an event that is not even queued. */
  refuse(failure: unknown): Promise<never> {
    this.#failure ??= { error: failure };
    return handled(Promise.reject(failure));
  }

  /** Takes the next request out of what waits; `undefined` if there is nothing, or enough is on its way. */
  nextGroup(): PublishGroup | undefined {
    if (this.#waiting.size === 0 || this.#groups.size >= this.#limits.maxRequestsInFlight) return undefined;
    const entries = this.#takeSome();
    const group = { requestId: ++this.#lastRequestId, request: toPublishRequest(entries.map(draftOf)), entries };
    this.#groups.set(group.requestId, group);
    return group;
  }

  /** What was on its way under this number is so no longer. */
  take(requestId: number): PublishGroup | undefined {
    const group = this.#groups.get(requestId);
    this.#groups.delete(requestId);
    return group;
  }

  stored({ entries }: PublishGroup, published: readonly Published[]): void {
    for (const [index, entry] of entries.entries()) {
      const where = published[index];
      if (where !== undefined) entry.resolve(where);
      this.#settle(entry);
    }
  }

  /** Who was refused together is tried alone, before all that waits: only then is it known who is to blame. */
  refused({ entries }: PublishGroup, error: unknown): void {
    const [only, ...others] = entries;
    if (only !== undefined && others.length === 0) return this.#reject(only, error);
    for (const entry of entries) entry.isAlone = true;
    this.#waiting = new Set([...entries, ...this.#waiting]);
  }

  /** Nothing will be stored any more. */
  fail(error: unknown): void {
    this.#waiting.clear();
    this.#groups.clear();
    for (const entry of this.#pending) this.#reject(entry, error);
  }

  /** Resolves when there is room. */
  ready(): Promise<void> {
    if (this.#pendingBytes < this.#limits.maxPendingBytes) return Promise.resolve();
    this.#room ??= deferred();
    return this.#room.promise;
  }

  /** Resolves when all that is pending now is settled. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#pending].map(({ outcome }) => outcome));
  }

  /** @throws the first failure since the last call */
  throwFailure(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
  }

  /** The first that waits, and those behind it that go into the same request. */
  #takeSome(): readonly Entry[] {
    const taken: Entry[] = [];
    let bytes = 0;
    for (const entry of this.#waiting) {
      const [first = entry] = taken;
      bytes += entry.bytes;
      const fits = bytes <= MAX_REQUEST_BYTES && taken.length < this.#limits.maxRequestEvents;
      const isAlike = entry.draft.stream === first.draft.stream && !entry.isAlone && !first.isAlone;
      if (taken.length > 0 && !(fits && isAlike)) break;
      taken.push(entry);
      this.#waiting.delete(entry);
    }
    return taken;
  }

  #reject(entry: Entry, error: unknown): void {
    this.#failure ??= { error };
    entry.reject(error);
    this.#settle(entry);
  }

  #settle(entry: Entry): void {
    if (!this.#pending.delete(entry)) return;
    this.#pendingBytes -= entry.bytes;
    if (this.#pendingBytes >= this.#limits.maxPendingBytes) return;
    this.#room?.resolve();
    this.#room = undefined;
  }
}

function newEntry(draft: EventDraft, bytes: number): Entry {
  let resolve!: Entry["resolve"];
  let reject!: Entry["reject"];
  const outcome = new Promise<Published>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  // Who does not look at it is told by `flush`.
  return { draft, bytes, outcome: handled(outcome), resolve, reject, isAlone: false };
}

function draftOf({ draft }: Entry): EventDraft {
  return draft;
}
