import { type ConflictPolicy, invalidField, resourceNotFound } from "@millrace/shared-types";

import type { RecordStore } from "../ports/record-store.js";
import { VersionConflict } from "../ports/record-store.js";
import { putJson } from "../records/json-records.js";
import { newId } from "../records/new-id.js";

/** Collections, by name. */
export const COLLECTIONS = "synccollections";

/** All collections of this domain in the item store, and no other, begin with this. */
export const SYNC_PREFIX = "sync/";

/** In the item store: what is known of replicas, by id. */
export const REPLICAS: string = `${SYNC_PREFIX}replicas`;

const DOCUMENTS_PREFIX = `${SYNC_PREFIX}documents/`;
const CONFLICTS_PREFIX = `${SYNC_PREFIX}conflicts/`;

/** Collections that are loaded at a time when the server starts. */
const BATCH = 1000;

/** A collection, from when it was made. */
export interface CollectionRecord {
  readonly name: string;
  /** Its documents in the item store. */
  readonly documents: string;
  /** In the item store: a row without content for each document that has siblings. */
  readonly conflicts: string;
  readonly policy: ConflictPolicy;
  readonly retentionMs: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** What a collection is made from. */
export type CollectionSpec = Pick<CollectionRecord, "name" | "policy" | "retentionMs">;

/** The collections of this server. Nobody deletes them, so that those in memory are good. */
export class Collections {
  readonly #records: RecordStore;
  readonly #byName = new Map<string, CollectionRecord>();
  readonly #byDocuments = new Map<string, CollectionRecord>();

  constructor(records: RecordStore) {
    this.#records = records;
  }

  /** Reads those that are stored. */
  async load(): Promise<void> {
    for (let after = ""; ;) {
      const page = await this.#records.scan(COLLECTIONS, { limit: BATCH, after });
      for (const { value } of page) this.#remember(JSON.parse(value) as CollectionRecord);
      const last = page.at(-1);
      if (last === undefined) return;
      after = last.key;
    }
  }

  /** @returns `undefined` if there is one of this name */
  async create(spec: CollectionSpec, nowMs: number): Promise<CollectionRecord | undefined> {
    const id = newId();
    const documents = `${DOCUMENTS_PREFIX}${id}`;
    const created = { ...spec, documents, conflicts: `${CONFLICTS_PREFIX}${id}`, createdAt: nowMs };
    try {
      await this.#records.commit([putJson(COLLECTIONS, spec.name, created, 0)]);
    } catch (error) {
      if (error instanceof VersionConflict) return undefined;
      throw error;
    }
    return this.#remember(created);
  }

  /** @throws ServiceError `INVALID_FIELD` about `field`, or `RESOURCE_NOT_FOUND` */
  get(name: string, field = "collection"): CollectionRecord {
    checkCollectionName(field, name);
    const found = this.#byName.get(name);
    if (found === undefined) throw resourceNotFound("collection", name);
    return found;
  }

  /** Moment before which tombstones of a collection of the item store are not needed. */
  tombstonesBeforeMs(stored: string, nowMs: number): number | undefined {
    if (!stored.startsWith(SYNC_PREFIX)) return undefined;
    if (!stored.startsWith(DOCUMENTS_PREFIX)) return nowMs;
    const found = this.#byDocuments.get(stored);
    return found === undefined ? -Infinity : nowMs - found.retentionMs;
  }

  #remember(record: CollectionRecord): CollectionRecord {
    this.#byName.set(record.name, record);
    this.#byDocuments.set(record.documents, record);
    return record;
  }
}

/** @throws ServiceError `INVALID_FIELD` about `field` */
export function checkCollectionName(field: string, name: string): void {
  if (!/^[a-z0-9_-]{1,128}$/.test(name)) throw invalidField(field, 'must be 1 to 128 of a-z, 0-9, "-" and "_"');
}
