import { isDeepStrictEqual } from "node:util";

import { type EventJournal, handedTo, nameOf } from "./event-journal.js";

/** Watchers are handed what they asked for and nothing else, and it is what the log holds. */
export function* filtered({ stored, watches }: EventJournal): Generator<string> {
  const bySequence = new Map(stored.map((event) => [event.sequence, event]));
  for (const watch of watches) {
    for (const event of handedTo(watch)) {
      const found = bySequence.get(event.sequence);
      if (!watch.wants(event)) yield `${watch.name}: ${nameOf(event)} was not asked for`;
      if (found === undefined) yield `${watch.name}: ${nameOf(event)} is not in the log`;
      else if (!isDeepStrictEqual(found, event)) yield `${watch.name}: ${nameOf(event)} is not as the log has it`;
    }
  }
}
