import type { Retention } from "../ports/event-log.js";

import type { EventsDeps, EventsLimits } from "./events-deps.js";

/** How far the log may be beyond its limits, in time. */
const PERIOD_MS = 10_000;

/** Removes the oldest events while there is more than the limits let stay, for as long as the server runs. */
export class RetentionSweeper implements AsyncDisposable {
  readonly #deps: Pick<EventsDeps, "log" | "clock" | "limits" | "logger">;
  #cancelNext: (() => void) | undefined;
  #round: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(deps: Pick<EventsDeps, "log" | "clock" | "limits" | "logger">) {
    this.#deps = deps;
  }

  /** Begins now; does nothing if nothing is limited. */
  start(): void {
    const { maxAgeMs, maxEvents, maxBytes } = this.#deps.limits;
    if (Math.min(maxAgeMs, maxEvents, maxBytes) < Infinity) this.#round = this.#sweepAndGoOn();
  }

  /** Waits for the work under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#cancelNext?.();
    await this.#round;
  }

  async #sweepAndGoOn(): Promise<void> {
    const { clock, logger } = this.#deps;
    try {
      await this.#sweep();
    } catch (error) {
      logger.warn({ err: error }, "removing old events failed; trying again later");
    }
    if (this.#stopped) return;
    this.#cancelNext = clock.after(PERIOD_MS, () => {
      this.#round = this.#sweepAndGoOn();
    });
  }

  /** In small steps, between which appends and reads get their turn. */
  async #sweep(): Promise<void> {
    const { log, clock, limits } = this.#deps;
    const retention = retentionOf(limits, clock.now());
    while (!this.#stopped && (await log.trim(retention)) > 0);
  }
}

function retentionOf({ maxAgeMs, maxEvents, maxBytes }: EventsLimits, nowMs: number): Retention {
  return {
    ...(maxAgeMs < Infinity && { storedBeforeMs: nowMs - maxAgeMs }),
    ...(maxEvents < Infinity && { maxEvents }),
    ...(maxBytes < Infinity && { maxBytes }),
  };
}
