import { isDeepStrictEqual } from "node:util";

import { type EventJournal, handedTo, type JournalEvent, nameOf, type WatchJournal } from "./event-journal.js";

/** What was acknowledged is in the log as it was acknowledged; what a watcher wants of the log was handed to it. */
export function* reliable({ acknowledged, stored, watches }: EventJournal): Generator<string> {
  const bySequence = new Map(stored.map((event) => [event.sequence, event]));
  for (const { publisher, acknowledgedAtMs: _, ...event } of acknowledged) {
    const found = bySequence.get(event.sequence);
    if (found === undefined) yield `${publisher}: ${nameOf(event)} was acknowledged and is not in the log`;
    else if (!isDeepStrictEqual(found, event))
      yield `${publisher}: ${nameOf(event)} was acknowledged, and ${nameOf(found)} is in its place`;
  }
  for (const watch of watches) yield* lostTo(watch, stored);
}

function* lostTo(watch: WatchJournal, stored: readonly JournalEvent[]): Generator<string> {
  const handed = new Set(handedTo(watch).map(({ sequence }) => sequence));
  const after = watch.sessions[0]?.after ?? 0;
  for (const event of stored) {
    const wasDue = event.sequence > after && watch.wants(event);
    if (wasDue && !handed.has(event.sequence)) yield `${watch.name}: ${nameOf(event)} was not handed over`;
  }
}
