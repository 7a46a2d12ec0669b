import { invalidField, MAX_EVENT_NAME_BYTES, MAX_WATCH_PATTERNS, type WatchRequest } from "@millrace/shared-types";

import { isSystemStream } from "../ports/event-log-patterns.js";

import { checkBytes, checkLimit } from "./check-limit.js";
import type { EventsLimits } from "./events-deps.js";
import type { Selection } from "./feed.js";
import { compileFilter } from "./filter/compile-filter.js";

/** What a request to watch selects. */
export type SelectionRequest = Pick<WatchRequest, "eventTypes" | "streams" | "filter">;

/**
 * Checks what a client selects. Streams of the server, whose name begins with `$`, cannot be named.
 *
 * @param path of the request's fields, such as `watch.`
 * @throws ServiceError `INVALID_FIELD`, `LIMIT_EXCEEDED` or `INVALID_FILTER`
 */
export function selectionOf(
  { eventTypes, streams, filter }: SelectionRequest,
  path: string,
  { maxFilterChars }: Pick<EventsLimits, "maxFilterChars">,
): Selection {
  checkPatterns(`${path}event_types`, eventTypes);
  checkPatterns(`${path}streams`, streams);
  if (streams.some(isSystemStream)) {
    throw invalidField(`${path}streams`, 'must not begin with "$": such streams belong to the server');
  }
  return {
    types: eventTypes.includes("*") ? [] : eventTypes,
    streams: streams.includes("*") ? [] : streams,
    filter: filter === "" ? undefined : compileFilter(filter, maxFilterChars),
  };
}

function checkPatterns(field: string, patterns: readonly string[]): void {
  checkLimit(field, "max_watch_patterns", MAX_WATCH_PATTERNS, patterns.length);
  for (const pattern of patterns) {
    checkBytes(field, "max_event_name_bytes", MAX_EVENT_NAME_BYTES, pattern);
    if (pattern === "") throw invalidField(field, "must not be empty");
    if (/[\p{Cc}\p{Cs}]/u.test(pattern)) throw invalidField(field, "must not contain control characters");
    if (pattern.slice(0, -1).includes("*")) throw invalidField(field, 'may have a "*" only at its end');
  }
}
