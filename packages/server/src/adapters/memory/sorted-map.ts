import { compareUtf8 } from "./compare-utf8.js";

/** A map whose entries are also in bytewise order of the UTF-8 of their keys. */
export class SortedMap<Value> {
  readonly #map = new Map<string, Value>();
  readonly #keys: string[] = [];
  /** In the order of the keys: who goes through them looks none up. */
  readonly #values: Value[] = [];

  get size(): number {
    return this.#keys.length;
  }

  get(key: string): Value | undefined {
    return this.#map.get(key);
  }

  keyAt(index: number): string | undefined {
    return this.#keys[index];
  }

  valueAt(index: number): Value | undefined {
    return this.#values[index];
  }

  set(key: string, value: Value): void {
    const index = this.firstNotBelow(key);
    const isNew = !this.#map.has(key);
    this.#map.set(key, value);
    if (isNew) this.#keys.splice(index, 0, key);
    this.#values.splice(index, isNew ? 0 : 1, value);
  }

  delete(key: string): void {
    if (!this.#map.delete(key)) return;
    const index = this.firstNotBelow(key);
    this.#keys.splice(index, 1);
    this.#values.splice(index, 1);
  }

  /** Entries in the order in which their keys came; they may be deleted meanwhile. */
  [Symbol.iterator](): MapIterator<[string, Value]> {
    return this.#map[Symbol.iterator]();
  }

  /** Index of the first key that is not below `key`; `size` if there is none. */
  firstNotBelow(key: string): number {
    const last = this.#keys.at(-1);
    if (last !== undefined && compareUtf8(last, key) < 0) return this.#keys.length; // most keys come in order
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareUtf8(this.#keys[middle] ?? "", key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
