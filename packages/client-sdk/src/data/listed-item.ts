import { inspect } from "node:util";

import { NO_ATTRIBUTES, textOf } from "./received-item.js";
import type { DataItem } from "./types.js";

/** Where the numbers of an item, and the begins and ends of its texts and its data, are among its places. */
export const PLACE = {
  id: 0,
  version: 1,
  updatedAtMs: 2,
  key: 3,
  data: 5,
  contentType: 7,
  name: 9,
} as const;

/** Places that an item has. */
export const PLACES_PER_ITEM = 11;

/** What `toString("latin1", begin, end)` calls in the end: without its checks a short text takes less. */
interface SliceableBuffer extends Buffer {
  latin1Slice(begin: number, end: number): string;
}

/** An item in the message that it came with: what nobody asks for is not read. Its texts are ASCII. */
export class ListedItem implements DataItem {
  readonly #message: SliceableBuffer;
  readonly #places: Float64Array;
  /** Where its places begin. */
  readonly #at: number;
  #data: Uint8Array | undefined;
  #updatedAt: Date | undefined;

  constructor(message: Buffer, places: Float64Array, at: number) {
    this.#message = message as SliceableBuffer;
    this.#places = places;
    this.#at = at;
  }

  get id(): string {
    return String(this.#number(PLACE.id));
  }

  get key(): string {
    return this.#ascii(PLACE.key);
  }

  get data(): Uint8Array {
    this.#data ??= this.#message.subarray(this.#number(PLACE.data), this.#number(PLACE.data + 1));
    return this.#data;
  }

  get contentType(): string {
    return this.#ascii(PLACE.contentType);
  }

  get version(): number {
    return this.#number(PLACE.version);
  }

  get updatedAt(): Date {
    this.#updatedAt ??= new Date(this.#number(PLACE.updatedAtMs));
    return this.#updatedAt;
  }

  get attributes(): Readonly<Record<string, string>> {
    return NO_ATTRIBUTES;
  }

  get name(): string {
    return this.#ascii(PLACE.name);
  }

  text(): string {
    return textOf(this);
  }

  json(): unknown {
    return JSON.parse(this.text());
  }

  toJSON(): Omit<DataItem, "text" | "json"> {
    const { id, key, data, contentType, version, updatedAt, attributes, name } = this;
    return { id, key, data, contentType, version, updatedAt, attributes, name };
  }

  #number(place: number): number {
    return this.#places[this.#at + place] as number;
  }

  #ascii(place: number): string {
    const [begin, end] = [this.#number(place), this.#number(place + 1)];
    return begin === end ? "" : this.#message.latin1Slice(begin, end);
  }
}

/** What console.log shows. */
function inspected(this: ListedItem): unknown {
  return this.toJSON();
}
Object.defineProperty(ListedItem.prototype, inspect.custom, { value: inspected });
