import type { ServiceError, SyncCheckpoint, SyncCollection, SyncResponse } from "@millrace/shared-types";
import { statusOf, timestampOfMs } from "@millrace/shared-types";

import type { CollectionRecord } from "./collections.js";
import { CollectionFeed, type OwnChanges } from "./collection-feed.js";
import { InFlight } from "./in-flight.js";
import type { UnheardChanges } from "./push-answer.js";
import type { SyncDeps } from "./sync-deps.js";

type Kind = NonNullable<SyncResponse["kind"]>;

export interface SyncFeedOptions {
  readonly own: OwnChanges;
  readonly maxInFlight: number;
}

/**
 * What a replica is sent of the collections that it follows: changes, and a checkpoint whenever it has everything that
 * there was at one moment, in all of its collections.
 */
export class SyncFeed {
  readonly #deps: SyncDeps;
  readonly #own: OwnChanges;
  readonly #inFlight: InFlight;
  readonly #feeds = new Map<string, CollectionFeed>();
  #isCheckpointDue = true;
  /** Nothing confirms changes any more: the connection alone holds them back. */
  #isUnlimited = false;

  constructor(deps: SyncDeps, { own, maxInFlight }: SyncFeedOptions) {
    this.#deps = deps;
    this.#own = own;
    this.#inFlight = new InFlight(maxInFlight);
  }

  get collections(): readonly CollectionRecord[] {
    return [...this.#feeds.values()].map(({ collection }) => collection);
  }

  /** Everything that there was has been sent, and said so. */
  get isDone(): boolean {
    return !this.#isCheckpointDue && this.#nextDirty() === undefined;
  }

  /** @throws ServiceError `INVALID_FILTER`, `INVALID_FIELD` or `RESOURCE_NOT_FOUND` */
  async follow(wanted: SyncCollection, field: string): Promise<void> {
    const collection = this.#deps.collections.get(wanted.name, field);
    const feed = await CollectionFeed.open(collection, wanted, this.#own, this.#deps);
    this.#feeds.set(collection.name, feed);
    this.#isCheckpointDue = true;
  }

  unfollow(name: string): void {
    this.#feeds.delete(name);
  }

  /** Looks for changes again, in one or in all collections of the item store. */
  touch(documents?: ReadonlySet<string>): void {
    for (const feed of this.#feeds.values()) {
      if (documents?.has(feed.collection.documents) !== false) feed.isDirty = true;
    }
  }

  /** The replica is owed a checkpoint that includes everything up to now. */
  promiseCheckpoint(): void {
    this.#isCheckpointDue = true;
    this.touch();
  }

  /**
   * Sends what the replica wrote itself, like the changes of others: it does not know what became of it.
   *
   * What is gone without a trace cannot be sent: there it begins anew.
   *
   * @param unheard versions that it may lack, and the greatest sequence among its changes there
   */
  async sendOwn({ documents, forgotten, sequence }: UnheardChanges): Promise<void> {
    this.#own.after = Math.max(this.#own.after, sequence);
    for (const { collection, version } of documents) {
      for (const feed of this.#feeds.values()) if (feed.collection === collection) feed.rewindBefore(version);
    }
    for (const feed of this.#feeds.values()) if (forgotten.has(feed.collection)) await feed.beginAnew();
  }

  /** @throws ServiceError `INVALID_CURSOR` */
  stored(cursors: ReadonlyMap<string, string>): void {
    for (const [name, cursor] of cursors) {
      const feed = this.#feeds.get(name);
      if (feed !== undefined) this.#inFlight.stored(name, feed.versionOf(cursor));
    }
  }

  allow(changes: number): void {
    this.#inFlight.allow(changes);
  }

  /** Sends what is left without waiting for confirmations. */
  unlimit(): void {
    this.#isUnlimited = true;
  }

  /** The next message; `undefined` if there is none for now, or the replica has to confirm some first. */
  async next(): Promise<Kind | undefined> {
    for (;;) {
      const reset = this.#takeReset();
      if (reset !== undefined) return reset;
      const feed = this.#nextDirty();
      if (feed === undefined) return this.#isCheckpointDue ? this.#checkpoint() : undefined;
      const room = this.#isUnlimited ? Infinity : this.#inFlight.room;
      if (room === 0) return undefined;
      const message = await this.#read(feed, room);
      if (message !== undefined) return message;
    }
  }

  async #read(feed: CollectionFeed, room: number): Promise<Kind | undefined> {
    const { name } = feed.collection;
    const { changes, rows } = await feed.read(room);
    if (rows === 0 || this.#feeds.get(name) !== feed) return undefined;
    this.#isCheckpointDue = true;
    // The others get their turn first.
    this.#feeds.delete(name);
    this.#feeds.set(name, feed);
    // What others say is of one moment with this only if they say it after this, too.
    for (const other of this.#feeds.values()) if (other !== feed) other.isDirty = true;
    if (changes.length === 0) return undefined;
    if (!this.#isUnlimited) this.#inFlight.sent(name, feed.version, changes.length);
    return { $case: "changes", value: { changes: [...changes], cursors: new Map([[name, feed.cursor]]) } };
  }

  #takeReset(): Kind | undefined {
    for (const { name, why } of this.#resets()) {
      return { $case: "reset", value: { collection: name, status: statusOf(why) } };
    }
    return undefined;
  }

  *#resets(): Generator<{ readonly name: string; readonly why: ServiceError }> {
    for (const feed of this.#feeds.values()) {
      const why = feed.takeReset();
      if (why !== undefined) yield { name: feed.collection.name, why };
    }
  }

  #nextDirty(): CollectionFeed | undefined {
    for (const feed of this.#feeds.values()) if (feed.isDirty) return feed;
    return undefined;
  }

  #checkpoint(): Kind {
    this.#isCheckpointDue = false;
    const cursors = new Map([...this.#feeds.values()].map(({ collection, cursor }) => [collection.name, cursor]));
    const time = timestampOfMs(this.#deps.clock.now());
    const value: SyncCheckpoint = { cursors, caughtUp: true, time };
    return { $case: "checkpoint", value };
  }
}
