import { setImmediate as turn } from "node:timers/promises";

import { watchdog } from "./within.js";

/**
 * Resolves when `check` no longer throws; tries again at each turn of the event loop. Time can only make
 * it fail: after `timeoutMs` it rejects with what `check` threw last.
 */
export async function eventually(check: () => void, timeoutMs: number = watchdog.timeoutMs): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs;
  for (;;) {
    try {
      return check();
    } catch (error) {
      if (performance.now() >= giveUpAt) throw error;
    }
    await turn();
  }
}
