/** What a SqliteEventLog knows about all of its events. Imports only node: modules. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

import type { EventLogState } from "./sqlite-event-protocol.js";

/** The one row of the table `log`, kept in memory and written once per transaction. */
export class EventLedger {
  epoch = "";
  firstSequence = 1;
  lastSequence = 0;
  lastStoredAtMs = 0;
  /** Events that retention counts, and their heads and payloads in bytes: all but those of `$` streams. */
  keptEvents = 0;
  keptBytes = 0;
  readonly #load: StatementSync;
  readonly #save: StatementSync;

  constructor(database: DatabaseSync) {
    this.#load = database.prepare(
      `SELECT epoch, first_sequence AS firstSequence, last_sequence AS lastSequence,
         last_stored_at_ms AS lastStoredAtMs, kept_events AS keptEvents, kept_bytes AS keptBytes FROM log`,
    );
    this.#save = database.prepare(
      "UPDATE log SET first_sequence = ?, last_sequence = ?, last_stored_at_ms = ?, kept_events = ?, kept_bytes = ?",
    );
    this.load();
  }

  get state(): EventLogState {
    return { epoch: this.epoch, firstSequence: this.firstSequence, lastSequence: this.lastSequence };
  }

  load(): void {
    Object.assign(this, this.#load.get());
  }

  save(): void {
    this.#save.run(this.firstSequence, this.lastSequence, this.lastStoredAtMs, this.keptEvents, this.keptBytes);
  }
}
