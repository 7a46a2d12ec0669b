import { StartPosition, toTimestamp, type WatchRequest } from "@millrace/shared-types";

import type { EventStart } from "./types.js";

/** Where to begin, on the wire. */
export type WireStart = NonNullable<WatchRequest["start"]>;

/** Whether a start is what an event or a watch gave as its position. */
export function isToken(from: EventStart): from is string {
  return typeof from === "string" && from !== "beginning" && from !== "end";
}

/**
 * Wire form of where to begin.
 *
 * @throws {TypeError} if it is none
 * @throws {RangeError} for a date that is none
 */
export function toWireStart(from: EventStart): WireStart {
  if (from === "beginning") return { $case: "startPosition", value: StartPosition.BEGINNING };
  if (from === "end") return { $case: "startPosition", value: StartPosition.END };
  if (typeof from === "string") return { $case: "resumeToken", value: from };
  if ("sequence" in from) return { $case: "startSequence", value: sequenceOf(from.sequence) };
  if (from.since instanceof Date) return { $case: "startTime", value: toTimestamp(from.since) };
  throw new TypeError("'from' is no start: use 'beginning', 'end', a token, { sequence } or { since: Date }");
}

function sequenceOf(sequence: number): number {
  if (Number.isSafeInteger(sequence) && sequence >= 1) return sequence;
  throw new RangeError(`${String(sequence)} is not a sequence`);
}
