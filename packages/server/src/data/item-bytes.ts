import { written } from "../events/written.js";
import type { PackedRow, Row } from "../ports/item-store.js";

import { writeUpdateTime } from "./item-message.js";

/** Of the fields of a DataItem. */
const ID_TAG = 0x08;
const DATA_TAG = 0x12;
const KEY_TAG = 0x1a;
const CURSOR_TAG = 0x22;
const VERSION_TAG = 0x28;

const TWO_POW_31 = 2 ** 31;

/** What an item takes beside key, head, data and cursor, in bytes, at most: seven tags, four lengths, three integers and a time. */
export const MAX_ITEM_BYTES = 88;

/** Up to this length, in bytes, a loop copies in less time than a call. */
const SHORT_BYTES = 160;

/** Where the parts of a packed row are. */
interface PackedSource {
  readonly buffer: Buffer;
  readonly view: DataView;
}

/** Writes DataItems one after the other: straight into place, because the listings that matter most are made of them. */
export class ItemBytes {
  readonly #to: Buffer;
  readonly #view: DataView;
  #pos = 0;
  /** The field with the time of the item before: many have the same. */
  #time = new Uint8Array(0);
  #timeMs = Number.NaN;

  /** @param to has room for all of them */
  constructor(to: Buffer) {
    this.#to = to;
    this.#view = new DataView(to.buffer, to.byteOffset, to.byteLength);
  }

  /** Of what is written so far, in bytes. */
  get length(): number {
    return this.#pos;
  }

  add({ id: idText, key, head, data, version, updatedAtMs }: Row, cursor: string, tag: number): void {
    const id = idOf(idText);
    const [keyBytes, cursorBytes] = [Buffer.byteLength(key), Buffer.byteLength(cursor)];
    this.#begin(
      tag,
      updatedAtMs,
      fieldBytes(id) + fieldBytes(version) + head.length,
      data.length,
      keyBytes,
      cursorBytes,
    );
    this.#number(ID_TAG, id);
    this.#bytes(DATA_TAG, data);
    this.#text(KEY_TAG, key, keyBytes);
    this.#text(CURSOR_TAG, cursor, cursorBytes);
    this.#number(VERSION_TAG, version);
    this.#append(this.#time);
    this.#append(head);
  }

  addPacked(row: PackedRow, from: PackedSource, tag: number): void {
    const { keyAt, headAt, dataAt, end, idNumber: id, version, updatedAtMs } = row;
    this.#begin(
      tag,
      updatedAtMs,
      fieldBytes(id) + fieldBytes(version) + dataAt - headAt,
      end - dataAt,
      headAt - keyAt,
      0,
    );
    this.#number(ID_TAG, id);
    this.#part(DATA_TAG, from, dataAt, end);
    this.#part(KEY_TAG, from, keyAt, headAt);
    this.#number(VERSION_TAG, version);
    this.#append(this.#time);
    this.#copy(from, headAt, dataAt);
  }

  /** Tag and length of an item with this time, fields of so many bytes, and data, key and cursor of so many. */
  #begin(
    tag: number,
    updatedAtMs: number,
    bytes: number,
    dataBytes: number,
    keyBytes: number,
    cursorBytes: number,
  ): void {
    if (updatedAtMs !== this.#timeMs) this.#setTime(updatedAtMs);
    const partBytes = lengthFieldBytes(dataBytes) + lengthFieldBytes(keyBytes) + lengthFieldBytes(cursorBytes);
    this.#to[this.#pos++] = tag;
    this.#varint(bytes + partBytes + this.#time.length);
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

  #bytes(tag: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#to[this.#pos++] = tag;
    this.#varint(bytes.length);
    this.#append(bytes);
  }

  #text(tag: number, text: string, bytes: number): void {
    if (bytes === 0) return;
    this.#to[this.#pos++] = tag;
    this.#varint(bytes);
    this.#pos += this.#to.write(text, this.#pos);
  }

  #part(tag: number, from: PackedSource, begin: number, end: number): void {
    if (begin === end) return;
    this.#to[this.#pos++] = tag;
    this.#varint(end - begin);
    this.#copy(from, begin, end);
  }

  #append(bytes: Uint8Array): void {
    this.#to.set(bytes, this.#pos);
    this.#pos += bytes.length;
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

  #copy({ buffer, view }: PackedSource, begin: number, end: number): void {
    if (end - begin > SHORT_BYTES) buffer.copy(this.#to, this.#pos, begin, end);
    else this.#copyWords(view, begin, end);
    this.#pos += end - begin;
  }

  #copyWords(from: DataView, begin: number, end: number): void {
    let [at, to] = [begin, this.#pos];
    for (; at + 4 <= end; at += 4, to += 4) this.#view.setInt32(to, from.getInt32(at, true), true);
    for (; at < end; at += 1, to += 1) this.#view.setUint8(to, from.getUint8(at));
  }
}

/** A bigint only where a number does not hold it. */
function idOf(text: string): number | bigint {
  const id = Number(text);
  return id <= Number.MAX_SAFE_INTEGER ? id : BigInt(text);
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
