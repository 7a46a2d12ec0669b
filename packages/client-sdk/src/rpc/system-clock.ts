import type { ClientClock } from "../options.js";

/** The real time. */
export const systemClock: ClientClock = {
  now: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/**
 * Resolves after `delayMs`; rejects with the signal's reason as soon as `signal` aborts. Leaves no
 * timer and no listener.
 */
export function sleep(clock: ClientClock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const stop = clock.after(delayMs, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    function onAbort(): void {
      stop();
      reject(signal.reason);
    }
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
