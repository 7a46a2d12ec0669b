import {
  type EventJournal,
  type JournalEvent,
  nameOf,
  sequenceOf,
  type WatchJournal,
  type WatchSession,
} from "./event-journal.js";

/** A bookmark tells the truth: what was wanted up to it came before it, and nothing up to it comes later. */
export function* bookmarkable({ stored, watches }: EventJournal): Generator<string> {
  for (const watch of watches) {
    for (const session of watch.sessions) {
      yield* laterThanBookmark(watch, session);
      yield* missingBefore(watch, session, stored);
    }
  }
}

function* laterThanBookmark({ name }: WatchJournal, { records }: WatchSession): Generator<string> {
  let bookmark = 0;
  for (const record of records) {
    const sequence = sequenceOf(record);
    if (record.kind === "event" && sequence <= bookmark)
      yield `${name}: ${nameOf(record.event)} comes after the bookmark ${String(bookmark)}`;
    if (record.kind === "bookmark" && sequence < bookmark)
      yield `${name}: the bookmark ${String(sequence)} comes after ${String(bookmark)}`;
    if (record.kind === "bookmark") bookmark = Math.max(bookmark, sequence);
  }
}

function* missingBefore(
  { name, wants }: WatchJournal,
  { records, after }: WatchSession,
  stored: readonly JournalEvent[],
): Generator<string> {
  const due = stored.filter((event) => event.sequence > after && wants(event));
  const handed = new Set<number>();
  let checked = 0;
  for (const record of records) {
    if (record.kind === "event") handed.add(record.event.sequence);
    for (; record.kind === "bookmark" && due[checked] !== undefined; checked++) {
      const event = due[checked] as JournalEvent;
      if (event.sequence > record.sequence) break;
      if (!handed.has(event.sequence))
        yield `${name}: the bookmark ${String(record.sequence)} comes before ${nameOf(event)}`;
    }
  }
}
