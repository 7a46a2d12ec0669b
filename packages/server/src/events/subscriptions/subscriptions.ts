import { ServiceError } from "@millrace/shared-types";

import type { Versioned } from "../../records/json-records.js";
import { getJson, putJson, removeRecord } from "../../records/json-records.js";
import { KeyedLock } from "../../records/keyed-lock.js";
import type { EventsDeps } from "../events-deps.js";
import { selectionOf } from "../selection.js";

import { LiveSubscription } from "./live-subscription.js";
import { toWatch } from "./subscription-config.js";
import type { SubscriptionRecord } from "./subscription-record.js";
import { GARBAGE, loadSubscription, STATES, SUBSCRIPTIONS, subscriptionNotFound } from "./subscription-record.js";
import type { StoredState } from "./subscription-state.js";

/** A live subscription, for as long as it is held. */
export interface Lease extends AsyncDisposable {
  readonly live: LiveSubscription;
}

interface Held {
  readonly live: LiveSubscription;
  leases: number;
}

/** The subscriptions that somebody works with at the moment. The others are in the record store only. */
export class Subscriptions {
  readonly #deps: EventsDeps;
  readonly #held = new Map<string, Held>();
  /** By name: opening, closing and deleting. */
  readonly #locks = new KeyedLock();
  #closed: ServiceError | undefined;

  constructor(deps: EventsDeps) {
    this.#deps = deps;
  }

  /**
   * Holds the subscription `name`. When the last one lets go of it, everything it has done is durable.
   *
   * @throws ServiceError `RESOURCE_NOT_FOUND`; `EPOCH_CHANGED` if the log was built anew; `DRAINING` once the server shuts down
   */
  lease(name: string): Promise<Lease> {
    return this.#locks.run(name, async () => {
      if (this.#closed !== undefined) throw this.#closed;
      const held = await this.#hold(name);
      held.leases += 1;
      return { live: held.live, [Symbol.asyncDispose]: () => this.#letGo(name, held) };
    });
  }

  /**
   * Deletes the subscription `name`. Its consumers' streams end with RESOURCE_NOT_FOUND; its parked events are
   * removed later.
   *
   * @throws ServiceError `RESOURCE_NOT_FOUND`
   */
  delete(name: string): Promise<void> {
    return this.#locks.run(name, async () => this.#delete(await loadSubscription(this.#deps.records, name)));
  }

  /**
   * Deletes the subscription `name` if it has had no consumer for its `inactive_ttl`; time before `notBeforeMs` does
   * not count. Returns when to look again, in milliseconds since 1970; `undefined`: there is nothing to look at.
   */
  deleteIfIdle(name: string, notBeforeMs: number): Promise<number | undefined> {
    return this.#locks.run(name, async () => {
      const { records, clock } = this.#deps;
      const found = await getJson<SubscriptionRecord>(records, SUBSCRIPTIONS, name);
      const inactiveTtlMs = found?.value.config.inactiveTtlMs;
      if (found === undefined || inactiveTtlMs === undefined) return undefined;
      const endsAtMs = Math.max(await this.#idleSinceMs(found.value), notBeforeMs) + inactiveTtlMs;
      if (endsAtMs > clock.now()) return endsAtMs;
      await this.#delete(found);
      return undefined;
    });
  }

  /** Waits until everything that was said is durable, and ends the streams that are left with DRAINING. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new ServiceError("DRAINING", "the server is shutting down", { retryAfterMs: 500 });
    this.#closed = closed;
    const lives = [...this.#held.values()].map(({ live }) => live);
    await Promise.all(lives.map((live) => live.close()));
    for (const live of lives) live.fail(closed);
  }

  async #hold(name: string): Promise<Held> {
    const held = this.#held.get(name);
    if (held !== undefined && !held.live.hasFailed) return held;
    await held?.live.close(); // its last write may still be under way
    const { value: subscription } = await loadSubscription(this.#deps.records, name);
    this.#checkEpoch(subscription);
    const state = await getJson<StoredState>(this.#deps.records, STATES, subscription.id);
    if (state === undefined) throw subscriptionNotFound(name);
    const selection = selectionOf(toWatch(subscription.config), "subscription.watch.", this.#deps.limits);
    const opened = { live: new LiveSubscription(this.#deps, subscription, state, selection), leases: 0 };
    this.#held.set(name, opened);
    return opened;
  }

  #checkEpoch({ epoch }: SubscriptionRecord): void {
    if (epoch === this.#deps.feed.epoch) return;
    const metadata = { epoch: this.#deps.feed.epoch };
    throw new ServiceError("EPOCH_CHANGED", "the log was built anew; delete the subscription and make it again", {
      metadata,
    });
  }

  #letGo(name: string, held: Held): Promise<void> {
    return this.#locks.run(name, async () => {
      held.leases -= 1;
      if (held.leases > 0) return;
      if (this.#held.get(name) === held) this.#held.delete(name);
      await held.live.close();
    });
  }

  async #delete({ version, value }: Versioned<SubscriptionRecord>): Promise<void> {
    const { id, config } = value;
    await this.#deps.records.commit([
      removeRecord(SUBSCRIPTIONS, config.name, version),
      removeRecord(STATES, id),
      putJson(GARBAGE, id, {}),
    ]);
    this.#held.get(config.name)?.live.fail(subscriptionNotFound(config.name));
  }

  /** Now, if there is a consumer. */
  async #idleSinceMs({ id, config }: SubscriptionRecord): Promise<number> {
    const live = this.#held.get(config.name)?.live;
    if (live !== undefined) return live.consumers > 0 ? this.#deps.clock.now() : live.idleSinceMs;
    const state = await getJson<StoredState>(this.#deps.records, STATES, id);
    return state?.value.idleSinceMs ?? 0;
  }
}
