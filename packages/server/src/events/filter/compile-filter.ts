import { DEFAULT_LIMITS, type Event } from "@millrace/shared-types";

import { compileExpression } from "./compile-expression.js";
import { type Evaluate, Evaluation, TooExpensive } from "./evaluation.js";
import type { EventFilter } from "./event-filter.js";
import { viewOf } from "./event-view.js";
import { parseFilter } from "./parse-filter.js";

/** Filters that are kept compiled, at most; each is a few KiB. */
const MAX_KEPT = 256;

/** The filters that were asked for last, the oldest first. */
const kept = new Map<string, EventFilter>();

/**
 * A filter in CEL, over `event` and, for JSON payloads, `payload`. docs/protocol.md says what is refused and what
 * evaluation may cost.
 *
 * @throws ServiceError `INVALID_FILTER` with the position, in characters, and what is wrong there
 */
export function compileFilter(text: string, maxChars: number = DEFAULT_LIMITS.maxFilterChars): EventFilter {
  const found = text.length <= maxChars ? kept.get(text) : undefined;
  const filter = found ?? new CompiledFilter(text, compileExpression(parseFilter(text, maxChars)));
  kept.delete(text);
  kept.set(text, filter);
  for (const oldest of kept.keys()) if (kept.size > MAX_KEPT) kept.delete(oldest);
  return filter;
}

class CompiledFilter implements EventFilter {
  readonly text: string;
  readonly #evaluate: Evaluate;

  constructor(text: string, evaluate: Evaluate) {
    this.text = text;
    this.#evaluate = evaluate;
  }

  matches(event: Event): boolean {
    try {
      return this.#evaluate(new Evaluation(viewOf(event))) === true;
    } catch (error) {
      if (error instanceof TooExpensive) return false;
      throw error;
    }
  }
}
