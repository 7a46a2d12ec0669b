import type { Backoff } from "../options.js";

const DEFAULTS: Required<Backoff> = { initialMs: 100, maxMs: 30_000, multiplier: 2 };

/** By how much a delay that the server names is spread, so that its clients do not come back as one. */
const RETRY_AFTER_SPREAD = 0.1;

/**
 * Delay before another attempt, in milliseconds: uniform between 0 and a bound that grows
 * exponentially with the `failures` so far (1 or more), which spreads clients best ("full jitter").
 */
export function backoffMs(failures: number, backoff: Backoff, random: () => number): number {
  const { initialMs, maxMs, multiplier } = { ...DEFAULTS, ...backoff };
  return random() * Math.min(maxMs, initialMs * multiplier ** (failures - 1));
}

/** Delay when the server named one: never less, at most a tenth more. */
export function spreadRetryAfterMs(retryAfterMs: number, random: () => number): number {
  return retryAfterMs * (1 + RETRY_AFTER_SPREAD * random());
}
