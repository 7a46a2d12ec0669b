import { isToPark, type WorkItem, type WorkLine } from "./work.js";

export interface WorkVerdict {
  readonly succeeded: number;
  readonly parked: number;
  /** Attempts of events beyond their first. */
  readonly redeliveries: number;
  /** Events that nobody finished, though they can be. */
  readonly lost: number;
  /** Attempts of an event after one of a later event with the same key. */
  readonly outOfOrder: number;
}

/** Judges what consumers said. A killed consumer's last line may be missing, and its last events come again. */
export function judgeWork(items: readonly WorkItem[], lines: readonly WorkLine[]): WorkVerdict {
  const inTime = lines.toSorted((a, b) => Number(BigInt(a.at) - BigInt(b.at)));
  const started = inTime.filter(({ what }) => what === "started");
  const succeeded = new Set(inTime.flatMap(({ what, n }) => (what === "succeeded" ? [n] : [])));
  const finishable = items.filter((item) => !isToPark(item));
  return {
    succeeded: succeeded.size,
    parked: items.length - finishable.length,
    redeliveries: started.length - new Set(started.map(({ n }) => n)).size,
    lost: finishable.filter(({ n }) => !succeeded.has(n)).length,
    outOfOrder: outOfOrder(started),
  };
}

function outOfOrder(started: readonly WorkLine[]): number {
  const newest = new Map<string, number>();
  let count = 0;
  for (const { key, sequence } of started) {
    const latest = newest.get(key) ?? 0;
    if (sequence < latest) count++;
    newest.set(key, Math.max(latest, sequence));
  }
  return count;
}
