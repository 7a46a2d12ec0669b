import { bookmarkable } from "./bookmarkable.js";
import type { EventJournal, Validator } from "./event-journal.js";
import { filtered } from "./filtered.js";
import { ordered } from "./ordered.js";
import { reliable } from "./reliable.js";
import { resumable } from "./resumable.js";
import { unique } from "./unique.js";

/** Violations in number, and the first few in words. */
export interface Verdict {
  readonly violations: number;
  readonly examples: readonly string[];
}

/** One for each validator. */
export type Verdicts = Readonly<
  Record<"ordered" | "unique" | "reliable" | "resumable" | "bookmarkable" | "filtered", Verdict>
>;

const MAX_EXAMPLES = 5;

/** Judges what must hold of every watch, whatever became of server and network. The idea is that of etcd's robustness tests. */
export function validateJournal(journal: EventJournal): Verdicts {
  const verdictOf = (validator: Validator): Verdict => {
    const found = [...validator(journal)];
    return { violations: found.length, examples: found.slice(0, MAX_EXAMPLES) };
  };
  return {
    ordered: verdictOf(ordered),
    unique: verdictOf(unique),
    reliable: verdictOf(reliable),
    resumable: verdictOf(resumable),
    bookmarkable: verdictOf(bookmarkable),
    filtered: verdictOf(filtered),
  };
}
