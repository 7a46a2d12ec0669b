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
 * @param name of the option or argument that says so
 * @throws {TypeError} if it is none
 * @throws {RangeError} for a date that is none
 */
export function toWireStart(from: EventStart, name: "from" | "to" = "from"): WireStart {
  if (from === "beginning") return { $case: "startPosition", value: StartPosition.BEGINNING };
  if (from === "end") return { $case: "startPosition", value: StartPosition.END };
  if (typeof from === "string") return { $case: "resumeToken", value: from };
  const { sequence, since } = placesOf(from);
  if (sequence !== undefined) return { $case: "startSequence", value: sequenceOf(sequence) };
  if (since instanceof Date) return { $case: "startTime", value: toTimestamp(since) };
  throw new TypeError(`'${name}' is no start: use 'beginning', 'end', a token, { sequence } or { since: Date }`);
}

/** What an object says of where to begin; nothing if it is none. */
function placesOf(from: unknown): { readonly sequence?: unknown; readonly since?: unknown } {
  return typeof from === "object" && from !== null ? from : {};
}

function sequenceOf(sequence: unknown): number {
  if (typeof sequence === "number" && Number.isSafeInteger(sequence) && sequence >= 1) return sequence;
  throw new RangeError(`${String(sequence)} is not a sequence`);
}
