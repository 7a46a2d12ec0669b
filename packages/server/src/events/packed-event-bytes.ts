import { timestampOfMs, Timestamp, encodeMessage } from "@millrace/shared-types";

import type { PackedEvent } from "../ports/event-log.js";

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

const TWO_POW_31 = 2 ** 31;

/** What an event takes beside stream, id, type, key, head and payload, in bytes, at most: tags, lengths, numbers, times and its token. */
const MAX_PLACE_BYTES = 160;

/** Small events share memory of this size, in bytes: one that is kept holds no more than this of its neighbours. */
const SLAB_BYTES = 16 * 1024;

/** Up to this length, in bytes, a loop copies in less time than a call. */
const SHORT_BYTES = 48;

let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
let pos = 0;

/** The time of the event before, serialized: many have the same. */
let time: Uint8Array = new Uint8Array(0);
let timeMs = Number.NaN;

/**
 * An event as a message, serialized: the same bytes as `toBytes` and `toBytesWithoutPayload` give. Straight from one buffer to
 * another, because what watchers read from storage is made of it: a third of the time.
 */
export function packedEventBytes(event: PackedEvent, positions: Positions, hasPayload: boolean): Uint8Array {
  const { buffer, streamAt, idAt, typeAt, keyAt, headAt, payloadAt, end, sequence, storedAtMs } = event;
  const start = reserve(end - streamAt + MAX_PLACE_BYTES);
  if (storedAtMs !== timeMs) setTime(storedAtMs);
  addPart(TAG.id, buffer, idAt, typeAt);
  addPart(TAG.type, buffer, typeAt, keyAt);
  if (hasPayload) addPart(TAG.payload, buffer, payloadAt, end);
  const hasTimestamp = headAt < payloadAt && buffer[headAt] === TIMESTAMP_TAG;
  if (!hasTimestamp) addTime(TIMESTAMP_TAG);
  addNumber(TAG.sequence, sequence);
  addPart(TAG.stream, buffer, streamAt, idAt);
  addNumber(TAG.revision, event.revision);
  slab[pos++] = TAG.resumeToken;
  slab[pos++] = TOKEN_CHARS;
  positions.writeTokenAfter(sequence, slab, pos);
  pos += TOKEN_CHARS;
  addPart(TAG.key, buffer, keyAt, headAt);
  if (event.tombstone) addNumber(TAG.tombstone, 1);
  addTime(TAG.publishTime);
  copy(buffer, headAt, payloadAt);
  return new Uint8Array(slab.buffer, slab.byteOffset + start, pos - start);
}

/** Makes room for an event; where it begins. */
function reserve(bytes: number): number {
  if (slab.length - pos < bytes) {
    slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes));
    pos = 0;
  }
  return pos;
}

function setTime(ms: number): void {
  time = Uint8Array.from(encodeMessage(Timestamp, timestampOfMs(ms)));
  timeMs = ms;
}

function addTime(tag: number): void {
  slab[pos++] = tag;
  slab[pos++] = time.length;
  for (let at = 0; at < time.length; at++) slab[pos++] = time[at] as number;
}

function addNumber(tag: number, value: number): void {
  if (value === 0) return;
  slab[pos++] = tag;
  addVarint(value);
}

function addPart(tag: number, from: Buffer, begin: number, end: number): void {
  if (begin === end) return;
  slab[pos++] = tag;
  addVarint(end - begin);
  copy(from, begin, end);
}

function addVarint(value: number): void {
  let rest = value;
  for (; rest >= TWO_POW_31; rest = Math.floor(rest / 0x80)) slab[pos++] = (rest % 0x80) | 0x80;
  for (; rest >= 0x80; rest >>>= 7) slab[pos++] = (rest & 0x7f) | 0x80;
  slab[pos++] = rest;
}

function copy(from: Buffer, begin: number, end: number): void {
  if (end - begin > SHORT_BYTES) {
    from.copy(slab, pos, begin, end);
    pos += end - begin;
  } else for (let at = begin; at < end; at++) slab[pos++] = from[at] as number;
}
