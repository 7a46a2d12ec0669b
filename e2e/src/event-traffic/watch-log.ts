import type { WatchedEvent } from "@millrace/client-sdk";

import { type JournalEvent, sequenceOf, type WatchRecord, type WatchSession } from "../event-journal/event-journal.js";

/** Writes down what a watcher is handed. */
export class WatchLog {
  readonly sessions: WatchSession[] = [];
  #last: WatchRecord | undefined;
  #lastEvent = 0;
  #waiting: { readonly sequence: number; readonly resolve: () => void }[] = [];

  /** Where the next session has to go on: the last record of all. */
  get last(): WatchRecord | undefined {
    return this.#last;
  }

  /** Begins a session: the function it returns takes its records. */
  open(session: Omit<WatchSession, "records">): (record: WatchRecord) => void {
    const records: WatchRecord[] = [];
    this.sessions.push({ ...session, records });
    return (record) => {
      records.push(record);
      this.#last = record;
      if (record.kind === "event") this.#reach(record.event.sequence);
    };
  }

  /** Resolves once an event of at least this sequence has been handed over. */
  reached(sequence: number): Promise<void> {
    if (this.#lastEvent >= sequence) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ sequence, resolve }));
  }

  #reach(sequence: number): void {
    this.#lastEvent = Math.max(this.#lastEvent, sequence);
    for (const { sequence, resolve } of this.#waiting) if (sequence <= this.#lastEvent) resolve();
    this.#waiting = this.#waiting.filter(({ sequence }) => sequence > this.#lastEvent);
  }
}

/** The session that goes on from a record, or begins at the beginning. */
export function sessionAfter(record: WatchRecord | undefined): Omit<WatchSession, "records"> {
  if (record === undefined) return { start: "beginning", after: 0 };
  return { start: "token", after: sequenceOf(record), resumeToken: record.resumeToken };
}

/** What a watch of the SDK gave. */
export function journalEvent(event: WatchedEvent): JournalEvent {
  const { sequence, stream, streamRevision, id, type } = event;
  return { sequence, stream, revision: streamRevision, id, type, payload: event.text() };
}
