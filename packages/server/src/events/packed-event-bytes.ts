import { timestampOfMs, Timestamp, encodeMessage } from "@millrace/shared-types";

import type { PackedEvent } from "../ports/event-log.js";
import { FieldWriter } from "../wire/field-writer.js";

import { TIMESTAMP_TAG } from "./event-message.js";
import { type Positions, TOKEN_CHARS } from "./positions.js";

/** Of the other fields of an Event, in the order in which they are written. */
const TAG = {
  id: 0x0a,
  type: 0x12,
  payload: 0x1a,
  sequence: 0x28,
  stream: 0x32,
  revision: 0x38,
  resumeToken: 0x42,
  key: 0x52,
  tombstone: 0x58,
  publishTime: 0x72,
};

/** What an event takes beside stream, id, type, key, head and payload, in bytes, at most: tags, lengths, numbers, times and its token. */
const MAX_PLACE_BYTES = 160;

/** Small events share memory of this size, in bytes: one that is kept holds no more than this of its neighbours. */
const SLAB_BYTES = 16 * 1024;

let slab = new FieldWriter(Buffer.allocUnsafeSlow(SLAB_BYTES));

/** The time of the event before, serialized: many have the same. */
let time: Uint8Array = new Uint8Array(0);
let timeMs = Number.NaN;

/**
 * An event as a message, serialized: the same bytes as `toBytes` and `toBytesWithoutPayload` give. Straight from one buffer to
 * another, because what watchers read from storage is made of it: a third of the time.
 */
export function packedEventBytes(event: PackedEvent, positions: Positions, hasPayload: boolean): Uint8Array {
  const { streamAt, idAt, typeAt, keyAt, headAt, payloadAt, end, sequence, storedAtMs } = event;
  const writer = writerFor(end - streamAt + MAX_PLACE_BYTES);
  const start = writer.length;
  if (storedAtMs !== timeMs) setTime(storedAtMs);
  writer.part(TAG.id, event, idAt, typeAt);
  writer.part(TAG.type, event, typeAt, keyAt);
  if (hasPayload) writer.part(TAG.payload, event, payloadAt, end);
  const hasTimestamp = headAt < payloadAt && event.buffer[headAt] === TIMESTAMP_TAG;
  if (!hasTimestamp) addTime(writer, TIMESTAMP_TAG);
  writer.number(TAG.sequence, sequence);
  writer.part(TAG.stream, event, streamAt, idAt);
  writer.number(TAG.revision, event.revision);
  writer.begin(TAG.resumeToken, TOKEN_CHARS);
  writer.leave(TOKEN_CHARS, (target, at) => positions.writeTokenAfter(sequence, target, at));
  writer.part(TAG.key, event, keyAt, headAt);
  if (event.tombstone) writer.number(TAG.tombstone, 1);
  addTime(writer, TAG.publishTime);
  writer.copy(event, headAt, payloadAt);
  return writer.since(start);
}

/** One that has room for an event. */
function writerFor(bytes: number): FieldWriter {
  if (slab.room < bytes) slab = new FieldWriter(Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes)));
  return slab;
}

function setTime(ms: number): void {
  time = Uint8Array.from(encodeMessage(Timestamp, timestampOfMs(ms)));
  timeMs = ms;
}

function addTime(writer: FieldWriter, tag: number): void {
  writer.begin(tag, time.length);
  writer.append(time);
}
