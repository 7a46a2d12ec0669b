import { seededRandom } from "@millrace/client-sdk/testing";

import type {
  EventJournal,
  JournalEvent,
  Validator,
  WatchJournal,
  WatchRecord,
  WatchSession,
} from "./event-journal.js";

const STREAMS = ["orders", "bills", "parcels"];
const TYPES = ["order.created", "order.paid", "bill.sent"];

/** A journal in which everything is as it must be: three streams, a watcher of all and one of orders, three sessions each. */
export function goodJournal(seed = 1): EventJournal {
  const random = seededRandom(seed);
  const stored = storedEvents(random);
  const acknowledged = stored.map((event, index) => ({
    ...event,
    publisher: `publisher ${String(index % 4)}`,
    acknowledgedAtMs: index,
  }));
  const watches = [
    watchOf("all", () => true, stored, random),
    watchOf("orders", ({ type }) => type.startsWith("order."), stored, random),
  ];
  return { acknowledged, stored, watches };
}

function storedEvents(random: () => number): JournalEvent[] {
  const revisions = new Map<string, number>();
  let sequence = 0;
  return Array.from({ length: 120 }, (_, index) => {
    const stream = STREAMS[Math.floor(random() * STREAMS.length)] as string;
    const type = TYPES[Math.floor(random() * TYPES.length)] as string;
    const revision = (revisions.get(stream) ?? 0) + 1;
    revisions.set(stream, revision);
    sequence += 1 + Math.floor(random() * 3);
    return { sequence, stream, revision, id: `e${String(index)}`, type, payload: `{"n":${String(index)}}` };
  });
}

function watchOf(
  name: string,
  wants: WatchJournal["wants"],
  stored: readonly JournalEvent[],
  random: () => number,
): WatchJournal {
  const records: WatchRecord[] = [];
  for (const event of stored) {
    const token = { resumeToken: `after ${String(event.sequence)}` };
    if (wants(event)) records.push({ kind: "event", event, ...token });
    if (random() < 0.1) records.push({ kind: "bookmark", sequence: event.sequence, ...token });
  }
  const third = Math.floor(records.length / 3);
  const [first, second] = [records.slice(0, third), records.slice(third, 2 * third)];
  const sessions: WatchSession[] = [
    { start: "beginning", after: 0, records: first },
    resumedAfter(first, second),
    resumedAfter(second, records.slice(2 * third)),
  ];
  return { name, wants, sessions };
}

function resumedAfter(before: readonly WatchRecord[], records: readonly WatchRecord[]): WatchSession {
  const last = before.at(-1);
  if (last === undefined) throw new Error("nothing to resume from");
  const after = last.kind === "event" ? last.event.sequence : last.sequence;
  return { start: "token", after, resumeToken: last.resumeToken, records };
}

/** The journal with other sessions of the watcher of all. */
export function withSessions(
  journal: EventJournal,
  change: (sessions: readonly WatchSession[]) => readonly WatchSession[],
): EventJournal {
  const [first, ...rest] = journal.watches;
  if (first === undefined) throw new Error("no watch");
  return { ...journal, watches: [{ ...first, sessions: change(first.sessions) }, ...rest] };
}

/** The journal with other records in the second session of the watcher of all. */
export function withRecords(
  journal: EventJournal,
  change: (records: readonly WatchRecord[]) => readonly WatchRecord[],
): EventJournal {
  return withSessions(journal, (sessions) =>
    sessions.map((session, index) => (index === 1 ? { ...session, records: change(session.records) } : session)),
  );
}

/** The record of an event, changed. */
export function altered(record: WatchRecord | undefined, change: Partial<JournalEvent>): WatchRecord {
  if (record?.kind !== "event") throw new Error("not the record of an event");
  return { ...record, event: { ...record.event, ...change } };
}

/** Where the nth event of these records is. */
export function indexOfEvent(records: readonly WatchRecord[], nth: number): number {
  const found = records.flatMap(({ kind }, index) => (kind === "event" ? [index] : []))[nth];
  if (found === undefined) throw new Error(`no event ${String(nth)}`);
  return found;
}

export function violationsOf(validator: Validator, journal: EventJournal): string[] {
  return [...validator(journal)];
}
