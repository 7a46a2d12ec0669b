import { written } from "../events/written.js";
import type { PackedRow, PackedRows } from "../ports/item-store.js";

import { writeUpdateTime } from "./item-message.js";

/** Of the fields of a DataItem. */
const ID_TAG = 0x08;
const DATA_TAG = 0x12;
const KEY_TAG = 0x1a;
const VERSION_TAG = 0x28;

const TWO_POW_31 = 2 ** 31;

/** What an item takes beside its key, head and data, in bytes, at most: six tags, three lengths, three integers and a time. */
const MAX_ITEM_BYTES = 80;

/** What is kept for the next call, in bytes, at most. */
const MAX_ROOM_BYTES = 1024 * 1024;

/** Up to this length, in bytes, a loop copies in less time than a call. */
const SHORT_BYTES = 48;

/**
 * Rows as DataItems, each behind a tag and its length: the same fields as `writeDataItem` writes. Straight from one buffer
 * to another, because the listings that matter most are made of it: half the time.
 *
 * @returns a view of memory that the next call writes to
 */
export function packedItemBytes({ buffer, rows }: PackedRows, tag: number): Uint8Array {
  const items = new ItemBytes(buffer, buffer.length + rows.length * MAX_ITEM_BYTES);
  for (const row of rows) items.add(row, tag);
  return items.finish();
}

class ItemBytes {
  readonly #from: Buffer;
  readonly #to: Buffer;
  #pos = 0;
  /** The field with the time of the item before: many have the same. */
  #time = new Uint8Array(0);
  #timeMs = Number.NaN;

  constructor(from: Buffer, maxBytes: number) {
    this.#from = from;
    this.#to = roomFor(maxBytes);
  }

  finish(): Uint8Array {
    return this.#to.subarray(0, this.#pos);
  }

  add(row: PackedRow, tag: number): void {
    const { keyAt, headAt, dataAt, end, idNumber: id, version, updatedAtMs } = row;
    if (updatedAtMs !== this.#timeMs) this.#setTime(updatedAtMs);
    const numberBytes = fieldBytes(id) + fieldBytes(version);
    const partBytes = lengthFieldBytes(end - dataAt) + lengthFieldBytes(headAt - keyAt) + dataAt - headAt;
    this.#to[this.#pos++] = tag;
    this.#varint(numberBytes + partBytes + this.#time.length);
    this.#number(ID_TAG, id);
    this.#part(DATA_TAG, dataAt, end);
    this.#part(KEY_TAG, keyAt, headAt);
    this.#number(VERSION_TAG, version);
    this.#to.set(this.#time, this.#pos);
    this.#pos += this.#time.length;
    this.#copy(headAt, dataAt);
  }

  #setTime(ms: number): void {
    this.#time = Uint8Array.from(written((writer) => writeUpdateTime(ms, writer)));
    this.#timeMs = ms;
  }

  #number(tag: number, value: number | bigint): void {
    if (value === 0) return;
    this.#to[this.#pos++] = tag;
    this.#varint(value);
  }

  #part(tag: number, begin: number, end: number): void {
    if (begin === end) return;
    this.#to[this.#pos++] = tag;
    this.#varint(end - begin);
    this.#copy(begin, end);
  }

  #varint(value: number | bigint): void {
    if (typeof value === "bigint") return this.#bigVarint(value);
    let rest = value;
    for (; rest >= TWO_POW_31; rest = Math.floor(rest / 0x80)) this.#to[this.#pos++] = (rest % 0x80) | 0x80;
    for (; rest >= 0x80; rest >>>= 7) this.#to[this.#pos++] = (rest & 0x7f) | 0x80;
    this.#to[this.#pos++] = rest;
  }

  #bigVarint(value: bigint): void {
    let rest = value;
    for (; rest >= 0x80n; rest >>= 7n) this.#to[this.#pos++] = Number(rest & 0x7fn) | 0x80;
    this.#to[this.#pos++] = Number(rest);
  }

  #copy(begin: number, end: number): void {
    const [from, to] = [this.#from, this.#to];
    if (end - begin > SHORT_BYTES) {
      from.copy(to, this.#pos, begin, end);
      this.#pos += end - begin;
    } else for (let at = begin; at < end; at++) to[this.#pos++] = from[at] as number;
  }
}

/** Written to by one call after the other: memory of its own for each would keep the garbage collector busy. */
let room = Buffer.allocUnsafeSlow(0);

function roomFor(bytes: number): Buffer {
  if (bytes > MAX_ROOM_BYTES) return Buffer.allocUnsafeSlow(bytes);
  if (room.length < bytes) room = Buffer.allocUnsafeSlow(Math.min(MAX_ROOM_BYTES, 2 * bytes));
  return room;
}

/** Of a field with a number: none if that is 0. */
function fieldBytes(value: number | bigint): number {
  return value === 0 ? 0 : 1 + varintBytes(value);
}

/** Of a field with so many bytes, with them. */
function lengthFieldBytes(bytes: number): number {
  return bytes === 0 ? 0 : 1 + varintBytes(bytes) + bytes;
}

function varintBytes(value: number | bigint): number {
  if (typeof value === "bigint") return Math.ceil(value.toString(2).length / 7);
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}
