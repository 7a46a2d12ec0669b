import {
  type EventJournal,
  eventsOf,
  indexAfter,
  type JournalEvent,
  nameOf,
  sequenceOf,
  wantedOf,
  type WatchJournal,
  type WatchSession,
} from "./event-journal.js";

/** A session begins with the first event that it wants behind its start; a token stands for the record that carried it. */
export function* resumable(journal: EventJournal): Generator<string> {
  for (const watch of journal.watches) {
    yield* foreignTokens(watch);
    const wanted = wantedOf(journal, watch);
    for (const session of watch.sessions) yield* wrongStart(watch.name, session, wanted);
  }
}

function* foreignTokens({ name, sessions }: WatchJournal): Generator<string> {
  const sequences = new Map<string, number>();
  for (const { start, after, resumeToken = "", records } of sessions) {
    if (start === "token" && sequences.get(resumeToken) !== after)
      yield `${name}: resumed behind ${String(after)}, but its token stands for ${String(sequences.get(resumeToken))}`;
    for (const record of records) sequences.set(record.resumeToken, sequenceOf(record));
  }
}

function* wrongStart(name: string, session: WatchSession, wanted: readonly JournalEvent[]): Generator<string> {
  const [first] = eventsOf(session);
  if (session.start === "live" || first === undefined) return;
  const due = wanted[indexAfter(wanted, session.after)];
  if (first.sequence !== due?.sequence)
    yield `${name}: a session behind ${String(session.after)} began with ${nameOf(first)}, not with ${due ? nameOf(due) : "nothing"}`;
}
