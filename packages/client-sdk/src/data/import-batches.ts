import { randomUUID } from "node:crypto";

import type { DataItem, MutateItemsRequest } from "@millrace/shared-types";

import type { RequestSource } from "../rpc/rpc.js";
import { sizeOfItem, toItemMessage } from "./item-message.js";
import type { ImportOptions, OutgoingItem } from "./types.js";

const DEFAULT_BATCH_ITEMS = 500;
const DEFAULT_BATCH_BYTES = 1024 * 1024;

/** Items that are sent as one request, again and again until its outcome is known. */
export interface ImportBatch<T extends OutgoingItem> {
  readonly request: MutateItemsRequest;
  readonly items: readonly T[];
  /** Of its items, as far as they have one. */
  readonly keys: ReadonlySet<string>;
  /** What it counts for in bounds. */
  readonly bytes: number;
}

/** An item on its way into a batch. */
interface Draft<T extends OutgoingItem> {
  readonly item: T;
  readonly message: DataItem;
  readonly bytes: number;
}

/** Puts items into batches, in order. Reads them as batches are asked for; holds one batch and one item. */
export class ImportBatches<T extends OutgoingItem> {
  readonly #source: Iterator<T, unknown, undefined> | AsyncIterator<T, unknown, undefined>;
  readonly #dataset: string;
  readonly #maxItems: number;
  readonly #maxBytes: number;
  /** Read, but for the next batch. */
  #ahead: Draft<T> | undefined;

  constructor(items: RequestSource<T>, { dataset = "", maxBatchItems, maxBatchBytes }: ImportOptions<T>) {
    this.#source = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
    this.#dataset = dataset;
    this.#maxItems = maxBatchItems ?? DEFAULT_BATCH_ITEMS;
    this.#maxBytes = maxBatchBytes ?? DEFAULT_BATCH_BYTES;
  }

  /**
   * The next batch; `undefined` at the end.
   *
   * @throws {TypeError} for an item that is none
   * @throws whatever the source throws
   */
  async next(): Promise<ImportBatch<T> | undefined> {
    const drafts: Draft<T>[] = [];
    let bytes = 0;
    for (;;) {
      const draft = this.#ahead ?? (await this.#read());
      this.#ahead = draft;
      if (draft === undefined || (drafts.length > 0 && bytes + draft.bytes > this.#maxBytes)) break;
      drafts.push(draft);
      bytes += draft.bytes;
      this.#ahead = undefined;
      if (drafts.length === this.#maxItems) break;
    }
    return drafts.length === 0 ? undefined : toBatch(this.#dataset, drafts, bytes);
  }

  /** Closes the source. One that waits may never answer, so its answer is not waited for. */
  leave(): void {
    try {
      void Promise.resolve(this.#source.return?.()).catch(() => undefined);
    } catch {
      // It is of no use any more.
    }
  }

  async #read(): Promise<Draft<T> | undefined> {
    const step = await this.#source.next();
    if (step.done === true) return undefined;
    const item = step.value;
    const message = toItemMessage(item);
    return { item, message, bytes: sizeOfItem(message) };
  }
}

function toBatch<T extends OutgoingItem>(dataset: string, drafts: readonly Draft<T>[], bytes: number): ImportBatch<T> {
  const mutations = drafts.map(({ message }) => ({
    operation: { $case: "put", value: message } as const,
    ifVersionMatch: undefined,
  }));
  return {
    request: { dataset, mutations, atomic: false, idempotencyKey: randomUUID() },
    items: drafts.map(({ item }) => item),
    keys: new Set(drafts.map(({ message: { key } }) => key).filter((key) => key !== "")),
    bytes,
  };
}
