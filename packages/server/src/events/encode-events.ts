import type { EventLog } from "../ports/event-log.js";

import { withPreviousPayload } from "./event-message.js";
import type { FeedEvent } from "./feed.js";
import type { EventView } from "./watch-plan.js";

/** Events that are encoded together, at most … */
const MAX_PIECE_EVENTS = 64;
const MAX_PIECE_BYTES = 64 * 1024;

/** … and if the payloads of earlier ones belong to them, which may be of any size. */
const MAX_PIECE_EVENTS_WITH_PREVIOUS = 4;

/** Parts of a run that are to be encoded together. */
export function* piecesOf(
  events: readonly FeedEvent[],
  { includePreviousPayload }: EventView,
): Generator<readonly FeedEvent[], void, undefined> {
  const maxEvents = includePreviousPayload ? MAX_PIECE_EVENTS_WITH_PREVIOUS : MAX_PIECE_EVENTS;
  for (let from = 0; from < events.length;) {
    const end = endOfPiece(events, from, maxEvents);
    yield events.slice(from, end);
    from = end;
  }
}

/** Serializes a piece as `view` says. */
export function encodeEvents(
  events: readonly FeedEvent[],
  view: EventView,
  log: EventLog,
): readonly Uint8Array[] | Promise<readonly Uint8Array[]> {
  const bytes = events.map((event) => (view.omitPayload ? event.bytesWithoutPayload : event.bytes));
  return view.includePreviousPayload ? addPreviousPayloads(events, bytes, log) : bytes;
}

function endOfPiece(events: readonly FeedEvent[], from: number, maxEvents: number): number {
  let bytes = 0;
  let end = from;
  while (end < events.length && end - from < maxEvents && bytes < MAX_PIECE_BYTES) {
    bytes += events[end]?.size ?? 0;
    end += 1;
  }
  return end;
}

async function addPreviousPayloads(
  events: readonly FeedEvent[],
  bytes: readonly Uint8Array[],
  log: EventLog,
): Promise<readonly Uint8Array[]> {
  const keyed = events.filter(({ log: { key } }) => key !== "");
  const payloads = await log.previousPayloads(keyed.map(({ log: event }) => event));
  const previous = new Map(keyed.map((event, index) => [event, payloads[index]]));
  return bytes.map((plain, index) => {
    const payload = previous.get(events[index] as FeedEvent);
    return payload === undefined ? plain : withPreviousPayload(plain, payload);
  });
}
