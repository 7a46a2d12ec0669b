import type { ClientClock } from "../options.js";

/** The longest delay of a timer of the platform, in milliseconds: what is above fires at once. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1;

/** The real time. Waits that are longer than a timer can be end after 24.8 days. */
export const systemClock: ClientClock = {
  now: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(delayMs, MAX_TIMER_MS));
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
