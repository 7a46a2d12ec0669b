import { compareUtf8 } from "./compare-utf8.js";

/** Distinct keys in bytewise order of their UTF-8. */
export class SortedKeys {
  readonly #keys: string[] = [];

  get size(): number {
    return this.#keys.length;
  }

  at(index: number): string | undefined {
    return this.#keys[index];
  }

  /** Adds a key that is not there. */
  add(key: string): void {
    this.#keys.splice(this.firstNotBelow(key), 0, key);
  }

  /** Removes a key that is there. */
  remove(key: string): void {
    this.#keys.splice(this.firstNotBelow(key), 1);
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
