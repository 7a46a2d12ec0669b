import { decodeMessage, encodeMessage, Event, timestampOfMs } from "@millrace/shared-types";

import type { EventDraft, LogEvent } from "../ports/event-log.js";

import { written } from "../wire/written.js";

/** Field 16, bytes. */
const PREVIOUS_PAYLOAD_TAG = 0x82;

/** First byte of a head that has a timestamp: heads are written in order of field number, and it is the lowest. */
export const TIMESTAMP_TAG = 0x22;

const NOTHING: Event = Event.fromPartial({});

/**
 * What the log keeps of an event as its publisher gave it. Equal content gives equal bytes, in whatever order
 * its attributes came. A timestamp that is not set stays so: readers get the time at which it was stored.
 */
export function draftOf(event: Event): EventDraft {
  const { id, type, key, tombstone, payload, timestamp, contentType, source } = event;
  const attributes = new Map([...event.attributes].sort(([a], [b]) => (a < b ? -1 : 1)));
  const head = encodeMessage(Event, { ...NOTHING, timestamp, attributes, contentType, source });
  return { id, type, key, tombstone, head, payload };
}

/** A stored event as readers get it, but for `previous_payload`. */
export function toMessage(event: LogEvent, resumeToken: string): Event {
  const { timestamp, attributes, contentType, source } = decodeMessage(Event, event.head);
  const placed = placedMessage(event, resumeToken);
  return {
    ...placed,
    payload: event.payload,
    timestamp: timestamp ?? placed.publishTime,
    attributes,
    contentType,
    source,
  };
}

/** {@link toMessage}, serialized: the fields of the head are added as they are. */
export function toBytes(event: LogEvent, resumeToken: string): Uint8Array {
  return bytesOf({ ...placedMessage(event, resumeToken), payload: event.payload }, event.head);
}

/** {@link toBytes} without the payload. */
export function toBytesWithoutPayload(event: LogEvent, resumeToken: string): Uint8Array {
  return bytesOf(placedMessage(event, resumeToken), event.head);
}

/** A serialized event with its field `previous_payload`, which is set even if it is empty. */
export function withPreviousPayload(bytes: Uint8Array, previousPayload: Uint8Array): Uint8Array {
  return written((writer) => writer.raw(bytes).uint32(PREVIOUS_PAYLOAD_TAG).bytes(previousPayload));
}

function bytesOf(placed: Event, head: Uint8Array): Uint8Array {
  const timestamp = head[0] === TIMESTAMP_TAG ? undefined : placed.publishTime;
  return written((writer) => Event.encode({ ...placed, timestamp }, writer).raw(head));
}

/** All that is not in the head, but for the payload. */
function placedMessage(event: LogEvent, resumeToken: string): Event {
  return {
    ...NOTHING,
    id: event.id,
    type: event.type,
    sequence: event.sequence,
    stream: event.stream,
    streamRevision: event.revision,
    resumeToken,
    key: event.key,
    tombstone: event.tombstone,
    publishTime: timestampOfMs(event.storedAtMs),
  };
}
