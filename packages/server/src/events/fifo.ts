/** Places in front that were given up, before the array is made shorter. */
const MAX_VACANT = 1024;

/** A queue that can be looked into. It holds nothing of what was taken out. */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  /** Index of the oldest item. */
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  get newest(): T | undefined {
    return this.#items.at(-1);
  }

  /** The item before which there are `index` older ones. */
  at(index: number): T | undefined {
    return this.#items[this.#head + index];
  }

  /** Adds the newest item. */
  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the oldest item out. */
  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head > MAX_VACANT && this.#head * 2 > this.#items.length) this.#close();
    return item;
  }

  /** Adds items that are older than all others, in order. */
  prepend(items: readonly T[]): void {
    this.#items = [...items, ...this.#items.slice(this.#head)];
    this.#head = 0;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }

  /** Index of the oldest item that is wanted; `length` if none is. If an item is wanted, so must be all newer ones. */
  indexOfFirst(wanted: (item: T) => boolean): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const item = this.at(middle);
      if (item !== undefined && wanted(item)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The items from the index `from`, up to but not with `to`. */
  *range(from: number, to: number = this.length): Generator<T, void, undefined> {
    for (let index = from; index < to; index += 1) {
      const item = this.at(index);
      if (item !== undefined) yield item;
    }
  }

  #close(): void {
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }
}
