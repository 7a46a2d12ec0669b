import { ServiceError } from "@millrace/shared-types";

import type { Mutation, RecordStore, ScanOptions, StoredRecord } from "../../ports/record-store.js";
import { VersionConflict } from "../../ports/record-store.js";

import { compareUtf8 } from "./compare-utf8.js";
import { SortedMap } from "./sorted-map.js";

/** Records in memory, gone when the process ends: for tests and for servers that keep nothing. */
export class MemoryRecordStore implements RecordStore {
  readonly #collections = new Map<string, SortedMap<StoredRecord>>();
  #closed = false;

  async get(collection: string, key: string): Promise<StoredRecord | undefined> {
    this.#checkOpen();
    return this.#collections.get(collection)?.get(key);
  }

  async scan(collection: string, options: ScanOptions): Promise<readonly StoredRecord[]> {
    this.#checkOpen();
    const records = this.#collections.get(collection);
    return records === undefined ? [] : scanned(records, options);
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
    else records.set(mutation.key, { key: mutation.key, version: version + 1, value: mutation.value });
    return () => (before === undefined ? records.delete(mutation.key) : records.set(mutation.key, before));
  }

  #collection(name: string): SortedMap<StoredRecord> {
    const known = this.#collections.get(name);
    if (known !== undefined) return known;
    const created = new SortedMap<StoredRecord>();
    this.#collections.set(name, created);
    return created;
  }

  #checkOpen(): void {
    if (this.#closed) throw new ServiceError("BACKEND_UNAVAILABLE", "the record store is closed");
  }
}

function scanned(records: SortedMap<StoredRecord>, { prefix = "", after, limit }: ScanOptions): StoredRecord[] {
  const found: StoredRecord[] = [];
  const from = after !== undefined && compareUtf8(after, prefix) > 0 ? after : prefix;
  for (let at = records.firstNotBelow(from); at < records.size && found.length < limit; at += 1) {
    const record = records.valueAt(at);
    if (record === undefined || !record.key.startsWith(prefix)) break;
    if (record.key !== after) found.push(record);
  }
  return found;
}
