import type { ClientClock } from "../options.js";

/** The machine's clock. Its timers never keep the process alive. */
export const realClock: ClientClock = {
  now: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
