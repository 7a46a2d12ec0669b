import { DEFAULT_LIMITS, type Event } from "@millrace/shared-types";

import { compilePredicate, type Predicate } from "./compile-predicate.js";
import type { EventFilter } from "./event-filter.js";
import { EVENTS, type EventView, viewOf } from "./event-view.js";

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
  const filter = found ?? new CompiledFilter(text, compilePredicate(text, maxChars, EVENTS));
  kept.delete(text);
  kept.set(text, filter);
  for (const oldest of kept.keys()) if (kept.size > MAX_KEPT) kept.delete(oldest);
  return filter;
}

class CompiledFilter implements EventFilter {
  readonly text: string;
  readonly #meets: Predicate<EventView>;

  constructor(text: string, meets: Predicate<EventView>) {
    this.text = text;
    this.#meets = meets;
  }

  matches(event: Event): boolean {
    return this.#meets(viewOf(event));
  }
}
