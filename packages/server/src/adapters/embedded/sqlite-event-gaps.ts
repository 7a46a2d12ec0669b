/** Why a SqliteEventLog has no events where it has none. Imports only node: modules and what does so too. */
import type { DatabaseSync } from "node:sqlite";

import type { LogEnds } from "./sqlite-event-ends.js";
import { DamagedEvent } from "./sqlite-event-row.js";
import type { Window } from "./sqlite-event-selection.js";
import { EventTruncations } from "./sqlite-event-truncations.js";

/** Tells holes that truncations have left from events that are lost. */
export class EventGaps {
  readonly #ends: LogEnds;
  readonly #truncated: EventTruncations;

  constructor(database: DatabaseSync, ends: LogEnds) {
    this.#ends = ends;
    this.#truncated = new EventTruncations(database);
  }

  /**
   * Nothing was found where there could be events.
   *
   * @throws {DamagedEvent} unless they have been removed
   */
  explain({ low, high }: Window): void {
    const { first, last } = this.#ends.get();
    const lost = this.#truncated.firstOther(Math.max(low, first), Math.min(high, last));
    if (lost !== undefined) throw new DamagedEvent(lost);
  }
}
