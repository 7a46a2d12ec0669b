import type { Mutation } from "../../ports/record-store.js";
import { removeRecord } from "../../records/json-records.js";
import type { EventsDeps } from "../events-deps.js";

import { addIdle, listIdle } from "./idle-list.js";
import { GARBAGE, PARKED } from "./subscription-record.js";
import type { Subscriptions } from "./subscriptions.js";

/** Subscriptions, or parked events, of one round, at most: a round is short, and the next one follows soon if there is more. */
const ROUND = 500;
const PERIOD_MS = 10_000;

/** Removes subscriptions that nobody uses, and what deleted ones have left, for as long as the server runs. */
export class Sweeper implements AsyncDisposable {
  readonly #deps: EventsDeps;
  readonly #subscriptions: Subscriptions;
  /** Time before this does not count as idle: consumers could not come. */
  readonly #startedAtMs: number;
  #cancelNext: () => void = () => {};
  #round: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(deps: EventsDeps, subscriptions: Subscriptions) {
    this.#deps = deps;
    this.#subscriptions = subscriptions;
    this.#startedAtMs = deps.clock.now();
  }

  /** Begins now. */
  start(): void {
    this.#round = this.#sweepAndGoOn();
  }

  /** Waits for the work under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#cancelNext();
    await this.#round;
  }

  async #sweepAndGoOn(): Promise<void> {
    const isMore = await this.#sweep().catch((error: unknown) => {
      this.#deps.logger.warn({ err: error }, "removing idle subscriptions failed; trying again later");
      return false;
    });
    if (this.#stopped) return;
    this.#cancelNext = this.#deps.clock.after(isMore ? 0 : PERIOD_MS, () => this.start());
  }

  /** Returns whether there is more to do. */
  async #sweep(): Promise<boolean> {
    const { records, clock } = this.#deps;
    const due = await listIdle(records, clock.now(), ROUND);
    for (const { name, mutationDone } of due) {
      const nextMs = await this.#subscriptions.deleteIfIdle(name, this.#startedAtMs);
      await records.commit([mutationDone, ...(nextMs === undefined ? [] : [addIdle(nextMs, name)])]);
    }
    return (await this.#dropParked()) || due.length === ROUND;
  }

  /** Removes parked events of one deleted subscription. Returns whether there was any. */
  async #dropParked(): Promise<boolean> {
    const { records } = this.#deps;
    const [deleted] = await records.scan(GARBAGE, { limit: 1 });
    if (deleted === undefined) return false;
    const parked = await records.scan(PARKED, { prefix: `${deleted.key}/`, limit: ROUND });
    const mutations: Mutation[] = parked.map(({ key }) => removeRecord(PARKED, key));
    await records.commit(parked.length < ROUND ? [...mutations, removeRecord(GARBAGE, deleted.key)] : mutations);
    return true;
  }
}
