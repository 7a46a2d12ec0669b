import { setImmediate as turn } from "node:timers/promises";

import { type Clock, systemClock } from "../ports/clock.js";

/** The machine's clock, counting the timers that are set. */
export class CountingClock implements Clock {
  #timers = 0;

  /** Timers that are set. */
  get timers(): number {
    return this.#timers;
  }

  now(): number {
    return systemClock.now();
  }

  monotonicMs(): number {
    return systemClock.monotonicMs();
  }

  after(delayMs: number, callback: () => void): () => void {
    let live = true;
    const end = (): void => {
      if (live) this.#timers--;
      live = false;
    };
    this.#timers++;
    const cancel = systemClock.after(delayMs, () => {
      end();
      callback();
    });
    return () => {
      end();
      cancel();
    };
  }
}

/** What the process holds open that a closed server must have given back. */
export interface OpenResources {
  readonly sockets: number;
  readonly listeners: number;
}

/** Counts the process's open TCP sockets and listening sockets. */
export function openResources(): OpenResources {
  const kinds = process.getActiveResourcesInfo();
  return {
    sockets: kinds.filter((kind) => kind === "TCPSocketWrap").length,
    listeners: kinds.filter((kind) => kind === "TCPServerWrap").length,
  };
}

/** Waits until the process holds no more open than `before`; what is closed takes a few turns to be gone. */
export async function untilReleased(before: OpenResources): Promise<void> {
  for (;;) {
    const { sockets, listeners } = openResources();
    if (sockets <= before.sockets && listeners <= before.listeners) return;
    await turn();
  }
}
