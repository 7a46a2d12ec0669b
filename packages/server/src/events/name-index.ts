import { namePatterns } from "../ports/event-log-patterns.js";

/** Finds items by a name, each listed under patterns such as `order.created` and `order.*`. */
export class NameIndex<T> {
  readonly #byName = new Map<string, Set<T>>();
  readonly #byPrefix = new Map<string, Set<T>>();
  /** How many prefixes of each length there are. */
  readonly #prefixLengths = new Map<number, number>();

  add(patterns: readonly string[], item: T): void {
    const { names, prefixes } = namePatterns(patterns);
    for (const name of names) insert(this.#byName, name, item);
    for (const prefix of prefixes) {
      if (!this.#byPrefix.has(prefix)) this.#countLength(prefix.length, 1);
      insert(this.#byPrefix, prefix, item);
    }
  }

  delete(patterns: readonly string[], item: T): void {
    const { names, prefixes } = namePatterns(patterns);
    for (const name of names) remove(this.#byName, name, item);
    for (const prefix of prefixes) {
      if (remove(this.#byPrefix, prefix, item)) this.#countLength(prefix.length, -1);
    }
  }

  /** Calls `visit` with every item that has a pattern for `name`; several times if it has several. */
  forEach(name: string, visit: (item: T) => void): void {
    this.#byName.get(name)?.forEach(visit);
    for (const length of this.#prefixLengths.keys()) {
      if (length <= name.length) this.#byPrefix.get(name.slice(0, length))?.forEach(visit);
    }
  }

  /** With how many items an item of these patterns would share one. */
  shared(patterns: readonly string[]): number {
    const { names, prefixes } = namePatterns(patterns);
    const sizeIn = (index: ReadonlyMap<string, Set<T>>) => (sum: number, key: string) =>
      sum + (index.get(key)?.size ?? 0);
    return names.reduce(sizeIn(this.#byName), 0) + prefixes.reduce(sizeIn(this.#byPrefix), 0);
  }

  #countLength(length: number, change: 1 | -1): void {
    const count = (this.#prefixLengths.get(length) ?? 0) + change;
    if (count === 0) this.#prefixLengths.delete(length);
    else this.#prefixLengths.set(length, count);
  }
}

function insert<T>(index: Map<string, Set<T>>, key: string, item: T): void {
  const items = index.get(key);
  if (items === undefined) index.set(key, new Set([item]));
  else items.add(item);
}

/** Returns whether nothing is left under `key`. */
function remove<T>(index: Map<string, Set<T>>, key: string, item: T): boolean {
  const items = index.get(key);
  if (items === undefined || !items.delete(item) || items.size > 0) return false;
  return index.delete(key);
}
