import { type HybridClock, type HybridTime, isSameHybridTime } from "@millrace/shared-types";

import type { PendingChange } from "./pending-change.js";

/** A change before and after it got another time. */
export interface Restamped {
  readonly before: PendingChange;
  readonly after: PendingChange;
}

/**
 * Gives new times to changes that are ahead of `limitMs`, and to those that were made on them. Times of the changes of
 * one document keep their order.
 *
 * @param changes in their order
 */
export function restamped(
  changes: readonly PendingChange[],
  clock: HybridClock,
  limitMs: number,
): readonly Restamped[] {
  const renamed: { readonly from: HybridTime; readonly to: HybridTime }[] = [];
  const done: Restamped[] = [];
  for (const before of changes) {
    const base = renamed.find(({ from }) => isSameHybridTime(from, before.base))?.to ?? before.base;
    if (before.time.wallMs <= limitMs && base === before.base) continue;
    if (base !== undefined) clock.observe(base);
    const time = clock.tick();
    renamed.push({ from: before.time, to: time });
    done.push({ before, after: { ...before, base, time } });
  }
  return done;
}
