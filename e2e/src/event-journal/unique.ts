import { type EventJournal, handedTo, type JournalEvent, nameOf } from "./event-journal.js";

/** Neither the log nor a watcher has an event twice, be it under another sequence or under its own. */
export function* unique({ stored, watches }: EventJournal): Generator<string> {
  yield* repeatedIn("the log", stored);
  for (const watch of watches) yield* repeatedIn(watch.name, handedTo(watch));
}

function* repeatedIn(where: string, events: readonly JournalEvent[]): Generator<string> {
  const bySequence = new Map<number, JournalEvent>();
  const byId = new Map<string, JournalEvent>();
  for (const event of events) {
    const id = `${event.stream}/${event.id}`;
    const earlier = bySequence.get(event.sequence) ?? byId.get(id);
    if (earlier !== undefined) yield `${where}: ${nameOf(event)} repeats ${nameOf(earlier)}`;
    bySequence.set(event.sequence, event);
    byId.set(id, event);
  }
}
