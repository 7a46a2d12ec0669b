import type { ItemStore, Row, RowMutation } from "../ports/item-store.js";

import type { CollectionRecord } from "./collections.js";
import { documentMutations, readDocument, type StoredDocument } from "./document.js";

/** A document, as it is stored and as it is to be. */
interface Entry {
  readonly collection: CollectionRecord;
  readonly docId: string;
  readonly row: Row | undefined;
  document: StoredDocument | undefined;
  hasChanged: boolean;
  /** Where its mutation is among those of the commit; -1: it has none. */
  mutationIndex: number;
}

/** The documents of one commit, before it is made. */
export class StagedDocuments {
  readonly #entries = new Map<string, Entry>();

  /** Reads documents, by collection, as they are now. */
  static async load(
    items: ItemStore,
    wanted: ReadonlyMap<CollectionRecord, ReadonlySet<string>>,
  ): Promise<StagedDocuments> {
    const staged = new StagedDocuments();
    await Promise.all([...wanted].map(([collection, docIds]) => staged.#load(items, collection, [...docIds])));
    return staged;
  }

  get(collection: CollectionRecord, docId: string): StoredDocument | undefined {
    return this.#entry(collection, docId)?.document;
  }

  /** Version of the row that is stored; 0: there is none. */
  versionOf(collection: CollectionRecord, docId: string): number {
    return this.#entry(collection, docId)?.row?.version ?? 0;
  }

  set(collection: CollectionRecord, docId: string, document: StoredDocument): void {
    const entry = this.#entry(collection, docId);
    if (entry === undefined) throw new Error("a document was not loaded");
    entry.document = document;
    entry.hasChanged = true;
  }

  /** Leaves everything as it is stored. */
  revert(): void {
    for (const entry of this.#entries.values()) {
      entry.document = entry.row && readDocument(entry.row);
      entry.hasChanged = false;
    }
  }

  /** What is to be committed, each only if its row is what it was when it was read. */
  mutations(): RowMutation[] {
    const mutations: RowMutation[] = [];
    for (const entry of this.#entries.values()) {
      const { collection, docId, row, document, hasChanged } = entry;
      if (!hasChanged || document === undefined) continue;
      mutations.push(...documentMutations(collection.documents, docId, document, row));
      entry.mutationIndex = mutations.length - 1;
      mutations.push(...conflictMutations(entry, document));
    }
    return mutations;
  }

  /** Index in {@link mutations} of the one that a document's version comes from; -1: it does not change. */
  mutationIndexOf(collection: CollectionRecord, docId: string): number {
    return this.#entry(collection, docId)?.mutationIndex ?? -1;
  }

  #entry({ name }: CollectionRecord, docId: string): Entry | undefined {
    return this.#entries.get(`${name}/${docId}`);
  }

  async #load(items: ItemStore, collection: CollectionRecord, docIds: readonly string[]): Promise<void> {
    const rows = await items.getAll(collection.documents, docIds);
    for (const [index, docId] of docIds.entries()) {
      const row = rows[index];
      const document = row && readDocument(row);
      const entry = { collection, docId, row, document, hasChanged: false, mutationIndex: -1 };
      this.#entries.set(`${collection.name}/${docId}`, entry);
    }
  }
}

/** Keeps the list of documents that have siblings. */
function conflictMutations({ collection, docId, row }: Entry, document: StoredDocument): readonly RowMutation[] {
  const had = row !== undefined && readDocument(row).versions.length > 1;
  const has = document.versions.length > 1;
  if (had === has) return [];
  const content = { head: new Uint8Array(0), data: new Uint8Array(0) };
  return [
    has
      ? { collection: collection.conflicts, put: { key: docId, ...content } }
      : { collection: collection.conflicts, deleteKey: docId },
  ];
}
