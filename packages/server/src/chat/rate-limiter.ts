import { ServiceError } from "@millrace/shared-types";

import type { Clock } from "../ports/clock.js";

/** Messages that may come at once, in seconds' worth of the long-run rate. */
const BURST_SECONDS = 3;

/** Token buckets, one per key: what is spent comes back at a steady rate, up to three seconds' worth. */
export class RateLimiter {
  readonly #clock: Clock;
  /** In which one token comes back. */
  readonly #intervalMs: number;
  /** In which all but one come back. */
  readonly #burstMs: number;
  /** When each bucket will be full again; only of those who spent some lately: see {@link prune}. */
  readonly #fullAt = new Map<string, number>();

  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock;
    this.#intervalMs = 1000 / perSecond;
    this.#burstMs = (perSecond * BURST_SECONDS - 1) * this.#intervalMs;
  }

  /** Spends one token. Gives 0, or, if there is none, the milliseconds until there will be. */
  take(key: string): number {
    const nowMs = this.#clock.monotonicMs();
    const fullAtMs = Math.max(nowMs, this.#fullAt.get(key) ?? nowMs);
    const waitMs = Math.ceil(fullAtMs - nowMs - this.#burstMs);
    if (waitMs > 0) return waitMs;
    this.#fullAt.set(key, fullAtMs + this.#intervalMs);
    return 0;
  }

  /** Spends one token, as soon as there is one. Rejects with the signal's reason. */
  async untilTaken(key: string, signal: AbortSignal): Promise<void> {
    for (let waitMs = this.take(key); waitMs > 0; waitMs = this.take(key)) {
      await pause(this.#clock, waitMs, signal);
    }
  }

  /** Forgets the buckets that are full again. */
  prune(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [key, fullAtMs] of this.#fullAt) if (fullAtMs <= nowMs) this.#fullAt.delete(key);
  }
}

/** What somebody is told who sends too fast. */
export function rateLimited(retryAfterMs: number): ServiceError {
  return new ServiceError("RATE_LIMITED", `too many messages; the next can come in ${String(retryAfterMs)} ms`, {
    metadata: { quota: "max_chat_messages_per_second" },
    retryAfterMs,
  });
}

function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      cancelTimer();
      reject(signal.reason as Error);
    };
    const cancelTimer = clock.after(delayMs, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
