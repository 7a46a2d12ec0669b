import type { PackedRow, Row } from "../ports/item-store.js";
import { type FieldSource, FieldWriter, lengthFieldBytes, numberFieldBytes } from "../wire/field-writer.js";
import { written } from "../wire/written.js";

import { writeUpdateTime } from "./item-message.js";

/** Of the fields of a DataItem. */
const TAG = { id: 0x08, data: 0x12, key: 0x1a, cursor: 0x22, version: 0x28 } as const;

/** What an item takes beside key, head, data and cursor, in bytes, at most: seven tags, four lengths, three integers and a time. */
export const MAX_ITEM_BYTES: number = 88;

/** Bytes of what an item is made of. */
interface ItemParts {
  /** Fields with numbers, and what is added as it is. */
  readonly fields: number;
  readonly data: number;
  readonly key: number;
  readonly cursor: number;
}

/** Writes DataItems one after the other. */
export class ItemBytes {
  readonly #writer: FieldWriter;
  /** The field with the time of the item before: many have the same. */
  #time = new Uint8Array(0);
  #timeMs = Number.NaN;

  /** @param to has room for all of them */
  constructor(to: Buffer) {
    this.#writer = new FieldWriter(to);
  }

  /** Of what is written so far, in bytes. */
  get length(): number {
    return this.#writer.length;
  }

  add({ id: idText, key, head, data, version, updatedAtMs }: Row, cursor: string, tag: number): void {
    const [writer, id] = [this.#writer, idOf(idText)];
    const [keyBytes, cursorBytes] = [Buffer.byteLength(key), Buffer.byteLength(cursor)];
    const fields = numberFieldBytes(id) + numberFieldBytes(version) + head.length;
    this.#begin(tag, updatedAtMs, { fields, data: data.length, key: keyBytes, cursor: cursorBytes });
    writer.number(TAG.id, id);
    writer.bytes(TAG.data, data);
    writer.text(TAG.key, key, keyBytes);
    writer.text(TAG.cursor, cursor, cursorBytes);
    writer.number(TAG.version, version);
    writer.append(this.#time);
    writer.append(head);
  }

  addPacked(row: PackedRow, from: FieldSource, tag: number): void {
    const { keyAt, headAt, dataAt, end, idNumber: id, version, updatedAtMs } = row;
    const writer = this.#writer;
    const fields = numberFieldBytes(id) + numberFieldBytes(version) + dataAt - headAt;
    this.#begin(tag, updatedAtMs, { fields, data: end - dataAt, key: headAt - keyAt, cursor: 0 });
    writer.number(TAG.id, id);
    writer.part(TAG.data, from, dataAt, end);
    writer.part(TAG.key, from, keyAt, headAt);
    writer.number(TAG.version, version);
    writer.append(this.#time);
    writer.copy(from, headAt, dataAt);
  }

  /** Tag and length of an item. */
  #begin(tag: number, updatedAtMs: number, { fields, data, key, cursor }: ItemParts): void {
    if (updatedAtMs !== this.#timeMs) this.#setTime(updatedAtMs);
    const parts = lengthFieldBytes(data) + lengthFieldBytes(key) + lengthFieldBytes(cursor);
    this.#writer.begin(tag, fields + parts + this.#time.length);
  }

  #setTime(ms: number): void {
    this.#time = Uint8Array.from(written((writer) => writeUpdateTime(ms, writer)));
    this.#timeMs = ms;
  }
}

/** A bigint only where a number does not hold it. */
function idOf(text: string): number | bigint {
  const id = Number(text);
  return id <= Number.MAX_SAFE_INTEGER ? id : BigInt(text);
}
