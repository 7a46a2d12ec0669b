import type { Row } from "../ports/item-store.js";

import type { BatchDeps } from "./batch-deps.js";
import { collectionsOf, dayName, dayOf, DAYS } from "./batch-record.js";

/** Between two rounds, in milliseconds. */
const PERIOD_MS = 60_000;

/** Days that are looked at at a time. */
const LIMITS = { maxRows: 100, maxBytes: 1024 * 1024 };

type SweeperDeps = Pick<BatchDeps, "items" | "clock" | "live" | "logger">;

/** Removes what is older than yesterday, for as long as the server runs. */
export class Sweeper implements AsyncDisposable {
  readonly #deps: SweeperDeps;
  #cancelNext: (() => void) | undefined;
  #round: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(deps: SweeperDeps) {
    this.#deps = deps;
  }

  /** Now, and then once a period. */
  start(): void {
    this.#round = this.#sweepAndGoOn();
  }

  /** Waits for the work under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#cancelNext?.();
    await this.#round;
  }

  async #sweepAndGoOn(): Promise<void> {
    try {
      await sweep(this.#deps, () => this.#stopped);
    } catch (err) {
      this.#deps.logger.warn({ err }, "clearing up after batches failed; trying again later");
    }
    if (this.#stopped) return;
    this.#cancelNext = this.#deps.clock.after(PERIOD_MS, () => this.start());
  }
}

/** One round, or what there is time for before `stopped`. A day of which a batch still has a stream is left alone. */
export async function sweep(deps: SweeperDeps, stopped: () => boolean = () => false): Promise<void> {
  const { items, clock, live } = deps;
  const { rows } = await items.scan({ collection: DAYS, endKey: dayName(dayOf(clock.now()) - 1), ...LIMITS });
  for (const row of rows) {
    if (!live.hasOfDay(Number(row.key)) && !stopped()) await dropDay(row, deps, stopped);
  }
}

async function dropDay({ key }: Row, { items }: SweeperDeps, stopped: () => boolean): Promise<void> {
  for (const collection of collectionsOf(Number(key))) {
    while (!stopped() && (await items.drop(collection)) > 0);
  }
  if (!stopped()) await items.commit([{ collection: DAYS, deleteKey: key }], { atomic: true });
}
