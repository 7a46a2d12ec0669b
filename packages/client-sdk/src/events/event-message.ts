import { Event, toTimestamp } from "@millrace/shared-types";

import { checkJson, jsonBytes } from "../json-bytes.js";
import { checkEvent } from "./check-event-options.js";
import { newEventId } from "./new-event-id.js";
import type { OutgoingEvent } from "./types.js";

/** What an event costs besides its texts and its payload, in bytes: tags, lengths, timestamp, sequence. */
const EVENT_OVERHEAD_BYTES = 64;

const DEFAULT_STREAM = "default";

/** An event on its way to the log. */
export interface EventDraft {
  readonly stream: string;
  /** Has an id, so that it can be sent again. */
  readonly message: Event;
}

/**
 * What publishes an event.
 *
 * @throws {TypeError} for an unknown name, a missing type, or a content that cannot be serialized
 * @throws {RangeError} for a timestamp that is none
 */
export function toEventDraft(event: OutgoingEvent, defaultStream: string = DEFAULT_STREAM): EventDraft {
  checkEvent(event);
  const { type, id = newEventId(), stream = defaultStream, key = "", tombstone = false, source = "" } = event;
  const { contentType = event.json === undefined ? "" : "application/json", attributes = {}, timestamp } = event;
  const message = Event.fromPartial({
    id,
    type,
    payload: payloadOf(event),
    key,
    tombstone,
    contentType,
    source,
    attributes: new Map(Object.entries(attributes)),
    timestamp: timestamp && toTimestamp(timestamp),
  });
  return { stream, message };
}

/** What an event counts for in bounds, in bytes: about its size on the wire. */
export function sizeOfEvent({ payload, id, type, key, contentType, source, attributes }: Event): number {
  let bytes = EVENT_OVERHEAD_BYTES + payload.byteLength;
  for (const text of [id, type, key, contentType, source]) bytes += Buffer.byteLength(text);
  for (const [name, value] of attributes) bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
  return bytes;
}

function payloadOf(event: OutgoingEvent): Uint8Array {
  const { payload, json } = event;
  checkJson(event, payload);
  if (json === undefined) return toBytes(payload);
  if (payload !== undefined) throw new TypeError("an event has a payload or json, not both");
  return jsonBytes(json);
}

function toBytes(payload: Uint8Array | string = new Uint8Array()): Uint8Array {
  if (typeof payload === "string") return Buffer.from(payload);
  if (payload instanceof Uint8Array) return payload;
  throw new TypeError("payload is neither bytes nor text: use json for other values");
}
