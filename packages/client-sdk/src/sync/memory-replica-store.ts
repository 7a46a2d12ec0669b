import type { ReplicaRow, ReplicaScan, ReplicaStore, ReplicaWrite } from "./replica-store.js";

/** Keeps a replica as long as the object lives: it may be opened again by another replica of the same process. */
export class MemoryReplicaStore implements ReplicaStore {
  readonly #tables = new Map<string, MemoryTable>();

  get(table: string, key: string): Uint8Array | undefined {
    return this.#tables.get(table)?.rows.get(key);
  }

  scan(table: string, scan: ReplicaScan): readonly ReplicaRow[] {
    return this.#tables.get(table)?.scan(scan) ?? [];
  }

  async write(writes: readonly ReplicaWrite[]): Promise<void> {
    for (const write of writes) this.#apply(write);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What is kept stays for who opens it again.
  }

  #apply(write: ReplicaWrite): void {
    switch (write.type) {
      case "put":
        return this.#table(write.table).put(write.key, write.value);
      case "delete":
        return this.#table(write.table).delete(write.key);
      case "clear":
        return this.#table(write.table).clear(write.prefix);
      case "move": {
        const to = this.#table(write.to);
        for (const { key, value } of this.#table(write.from).scan({ prefix: write.prefix, limit: Infinity })) {
          if (value[0] === 0) to.delete(key);
          else to.put(key, value);
        }
        this.#table(write.from).clear(write.prefix);
      }
    }
  }

  #table(name: string): MemoryTable {
    const known = this.#tables.get(name) ?? new MemoryTable();
    this.#tables.set(name, known);
    return known;
  }
}

class MemoryTable {
  readonly rows = new Map<string, Uint8Array>();
  /** All keys in order; `undefined` after one came or went. */
  #sorted: readonly string[] | undefined = [];

  put(key: string, value: Uint8Array): void {
    if (!this.rows.has(key)) this.#sorted = undefined;
    this.rows.set(key, value);
  }

  delete(key: string): void {
    if (this.rows.delete(key)) this.#sorted = undefined;
  }

  clear(prefix: string): void {
    for (const { key } of this.scan({ prefix, limit: Infinity })) this.delete(key);
  }

  scan({ prefix = "", after, limit }: ReplicaScan): ReplicaRow[] {
    this.#sorted ??= [...this.rows.keys()].toSorted(compareBytes);
    const found: ReplicaRow[] = [];
    for (let at = this.#firstFrom(prefix, after); at < this.#sorted.length && found.length < limit; at += 1) {
      const key = this.#sorted[at] ?? "";
      const value = this.rows.get(key);
      if (value === undefined || !key.startsWith(prefix)) break;
      found.push({ key, value });
    }
    return found;
  }

  /** Index of the first key that begins with `prefix` and comes after `after`, if there is one. */
  #firstFrom(prefix: string, after: string | undefined): number {
    const sorted = this.#sorted ?? [];
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const key = sorted[middle] ?? "";
      const isBefore = compareBytes(key, prefix) < 0 || (after !== undefined && compareBytes(key, after) <= 0);
      if (isBefore) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
