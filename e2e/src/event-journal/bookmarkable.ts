import {
  type EventJournal,
  indexAfter,
  type JournalEvent,
  nameOf,
  sequenceOf,
  wantedOf,
  type WatchJournal,
  type WatchSession,
} from "./event-journal.js";

/** A bookmark tells the truth: what was wanted up to it came before it, and nothing up to it comes later. */
export function* bookmarkable(journal: EventJournal): Generator<string> {
  for (const watch of journal.watches) {
    const wanted = wantedOf(journal, watch);
    for (const session of watch.sessions) {
      yield* laterThanBookmark(watch, session);
      yield* missingBefore(watch.name, session, wanted);
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
  name: string,
  { records, after }: WatchSession,
  wanted: readonly JournalEvent[],
): Generator<string> {
  const handed = new Set<number>();
  let checked = indexAfter(wanted, after);
  for (const record of records) {
    if (record.kind === "event") handed.add(record.event.sequence);
    for (; record.kind === "bookmark"; checked++) {
      const event = wanted[checked];
      if (event === undefined || event.sequence > record.sequence) break;
      if (!handed.has(event.sequence))
        yield `${name}: the bookmark ${String(record.sequence)} comes before ${nameOf(event)}`;
    }
  }
}
