import type { ClientClock } from "../options.js";
import { systemClock } from "../rpc/system-clock.js";

/** The real time, with a count of the timers that are set: for tests about what is left behind. Serves client and server. */
export class CountingClock implements ClientClock {
  #pending = 0;

  /** Timers that were set, have not run and were not prevented. */
  get pending(): number {
    return this.#pending;
  }

  now(): number {
    return systemClock.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  after(delayMs: number, callback: () => void): () => void {
    let isPending = true;
    const end = (): void => {
      if (isPending) this.#pending--;
      isPending = false;
    };
    this.#pending++;
    const stop = systemClock.after(delayMs, () => {
      end();
      callback();
    });
    return () => {
      end();
      stop();
    };
  }
}
