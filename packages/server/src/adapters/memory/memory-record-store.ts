import { ServiceError } from "@millrace/shared-types";

import type { Mutation, RecordStore, ScanOptions, StoredRecord } from "../../ports/record-store.js";
import { VersionConflict } from "../../ports/record-store.js";

import { compareUtf8 } from "./compare-utf8.js";
import { SortedKeys } from "./sorted-keys.js";

/** Records in memory, gone when the process ends: for tests and for servers that keep nothing. */
export class MemoryRecordStore implements RecordStore {
  readonly #collections = new Map<string, SortedRecords>();
  #closed = false;

  async get(collection: string, key: string): Promise<StoredRecord | undefined> {
    this.#checkOpen();
    return this.#collections.get(collection)?.get(key);
  }

  async scan(collection: string, options: ScanOptions): Promise<readonly StoredRecord[]> {
    this.#checkOpen();
    return this.#collections.get(collection)?.scan(options) ?? [];
  }

  async commit(mutations: readonly Mutation[]): Promise<void> {
    this.#checkOpen();
    const undo: (() => void)[] = [];
    try {
      for (const mutation of mutations) undo.push(this.#apply(mutation));
    } catch (error) {
      for (const step of undo.toReversed()) step();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
  }

  #apply(mutation: Mutation): () => void {
    const records = this.#collection(mutation.collection);
    const before = records.get(mutation.key);
    const version = before?.version ?? 0;
    if (mutation.ifVersion !== undefined && mutation.ifVersion !== version) {
      throw new VersionConflict(mutation, version);
    }
    if (mutation.value === undefined) records.delete(mutation.key);
    else records.set({ key: mutation.key, version: version + 1, value: mutation.value });
    return () => (before === undefined ? records.delete(mutation.key) : records.set(before));
  }

  #collection(name: string): SortedRecords {
    const known = this.#collections.get(name);
    if (known !== undefined) return known;
    const created = new SortedRecords();
    this.#collections.set(name, created);
    return created;
  }

  #checkOpen(): void {
    if (this.#closed) throw new ServiceError("BACKEND_UNAVAILABLE", "the record store is closed");
  }
}

/** A map whose keys are also kept in order. */
class SortedRecords {
  readonly #records = new Map<string, StoredRecord>();
  readonly #keys = new SortedKeys();

  get(key: string): StoredRecord | undefined {
    return this.#records.get(key);
  }

  set(record: StoredRecord): void {
    if (!this.#records.has(record.key)) this.#keys.add(record.key);
    this.#records.set(record.key, record);
  }

  delete(key: string): void {
    if (this.#records.delete(key)) this.#keys.remove(key);
  }

  scan({ prefix = "", after, limit }: ScanOptions): StoredRecord[] {
    const found: StoredRecord[] = [];
    const from = after !== undefined && compareUtf8(after, prefix) > 0 ? after : prefix;
    for (let at = this.#keys.firstNotBelow(from); at < this.#keys.size && found.length < limit; at += 1) {
      const record = this.#records.get(this.#keys.at(at) ?? "");
      if (record === undefined || !record.key.startsWith(prefix)) break;
      if (record.key !== after) found.push(record);
    }
    return found;
  }
}
