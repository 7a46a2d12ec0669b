import type { Append, ReadOptions } from "./event-log.js";

/**
 * Checks what an append must have, so that a mistake of a caller does not look like one of the store.
 *
 * @throws {RangeError}
 */
export function checkAppend({ stream, expectedRevision = 0, events }: Append): void {
  if (events.length === 0) throw new RangeError(`an append to stream "${stream}" has no events`);
  if (!Number.isSafeInteger(expectedRevision) || expectedRevision < 0) {
    throw new RangeError(`an append to stream "${stream}" expects revision ${String(expectedRevision)}`);
  }
  if (new Set(events.map(({ id }) => id)).size < events.length) {
    throw new RangeError(`an append to stream "${stream}" has two events with the same id`);
  }
}

/**
 * Checks what a read asks for: going backwards moves `until`, on which it depends what the newest event of a key is.
 *
 * @throws {RangeError}
 */
export function checkRead({ backwards = false, newestOfKey = false }: ReadOptions): void {
  if (backwards && newestOfKey) throw new RangeError("the newest events of keys are read forwards only");
}
