import { type HybridClock, type HybridTime, isSameHybridTime } from "@millrace/shared-types";

import { overlayWrite } from "./overlay.js";
import { packPending, type PendingChange, pendingKey } from "./pending-change.js";
import type { ReplicaStore, ReplicaWrite } from "./replica-store.js";
import { pendingIn, put, Table } from "./replica-tables.js";

/** A change before and after it got another time. */
interface Restamped {
  readonly before: PendingChange;
  readonly after: PendingChange;
}

/**
 * Gives new times to changes after `settledSequence` that are ahead of `limitMs`, and to those that were made on them.
 * Times of the changes of one document keep their order.
 */
export function restamp(
  store: ReplicaStore,
  settledSequence: number,
  clock: HybridClock,
  limitMs: number,
): readonly ReplicaWrite[] {
  return restamped([...pendingIn(store, settledSequence)], clock, limitMs).flatMap(({ before, after }) => [
    put(Table.PENDING, pendingKey(after.sequence), packPending(after)),
    ...overlayWrite(store, before, { time: after.time }),
  ]);
}

/** @param changes in their order */
function restamped(changes: readonly PendingChange[], clock: HybridClock, limitMs: number): readonly Restamped[] {
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
