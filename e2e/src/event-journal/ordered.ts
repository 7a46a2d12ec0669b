import { type EventJournal, handedTo, type JournalEvent, nameOf } from "./event-journal.js";

/**
 * The log counts sequences up and revisions without holes; watchers are handed events in its order, and
 * publishers' events are in it in the order in which they were published.
 */
export function* ordered({ stored, watches, acknowledged }: EventJournal): Generator<string> {
  yield* risingIn("the log", stored);
  yield* revisionsWithoutHoles(stored);
  for (const watch of watches) yield* risingIn(watch.name, handedTo(watch));
  for (const [publisher, events] of Map.groupBy(acknowledged, ({ publisher }) => publisher)) {
    yield* risingIn(publisher, events);
  }
}

function* risingIn(where: string, events: readonly JournalEvent[]): Generator<string> {
  const lastOfStream = new Map<string, JournalEvent>();
  let last: JournalEvent | undefined;
  for (const event of events) {
    const lastHere = lastOfStream.get(event.stream);
    if (last !== undefined && event.sequence < last.sequence)
      yield `${where}: ${nameOf(event)} comes after ${nameOf(last)}`;
    else if (lastHere !== undefined && event.revision < lastHere.revision)
      yield `${where}: ${nameOf(event)} has a lower revision than ${nameOf(lastHere)} before it`;
    last = event;
    lastOfStream.set(event.stream, event);
  }
}

function* revisionsWithoutHoles(stored: readonly JournalEvent[]): Generator<string> {
  const revisions = new Map<string, number>();
  for (const event of stored) {
    const expected = (revisions.get(event.stream) ?? 0) + 1;
    if (event.revision > expected) yield `the log: ${nameOf(event)} comes without revision ${String(expected)}`;
    revisions.set(event.stream, event.revision);
  }
}
