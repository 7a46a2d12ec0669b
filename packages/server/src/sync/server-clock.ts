import { HybridClock, type HybridTime } from "@millrace/shared-types";

import type { Clock } from "../ports/clock.js";

/** Gives times to what the server writes itself. */
export class ServerClock {
  readonly #clock: Clock;
  readonly #hybrid: HybridClock;

  constructor(serverId: string, clock: Clock) {
    this.#clock = clock;
    this.#hybrid = new HybridClock(serverId, () => clock.now());
  }

  /** Identity of the server among the replicas. */
  get serverId(): string {
    return this.#hybrid.nodeId;
  }

  /** Wall clock, in milliseconds since 1970. */
  nowMs(): number {
    return this.#clock.now();
  }

  /** A time that is later than all of `times`. */
  after(...times: readonly HybridTime[]): HybridTime {
    for (const time of times) this.#hybrid.observe(time);
    return this.#hybrid.tick();
  }
}
