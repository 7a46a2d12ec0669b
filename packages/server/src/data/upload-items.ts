import { type Item, type ItemError, type ServiceError, statusOf, UploadResponse } from "@millrace/shared-types";

import type { RowMutation } from "../ports/item-store.js";
import type { CallContext } from "../rpc/call-context.js";

import type { DataDeps } from "./data-deps.js";
import { checkStillThere, DEFAULT_COLLECTION, type DatasetRecord, loadDataset } from "./dataset-record.js";
import { callersError } from "./mutation-status.js";
import { checkItemKey, rowDraftOf } from "./row-draft.js";

/** Items that are stored at a time, at most … */
const CHUNK_ITEMS = 500;
/** … in bytes, but for the last of them. */
const CHUNK_BYTES = 1024 * 1024;

const MAX_ITEM_ERRORS = 100;
/** Of an item that was refused, in an error, in characters. */
const MAX_ERROR_ID_LENGTH = 256;
const MAX_INT32 = 2 ** 31 - 1;

/**
 * Stores a stream of items in one collection, chunk by chunk, in constant memory. What is stored stays, however the
 * stream ends; an item that is sent again as it is stored is a duplicate, so a client that sets ids can send the same
 * stream again. Items that are refused are counted, and the stream goes on.
 */
export async function uploadItems(
  requests: AsyncIterable<Item>,
  _: CallContext,
  deps: DataDeps,
): Promise<UploadResponse> {
  let upload: ItemUpload | undefined;
  for await (const item of requests) {
    upload ??= new ItemUpload(await collectionOf(item, deps), deps);
    await upload.add(item);
  }
  await upload?.flush();
  return upload?.response() ?? UploadResponse.fromPartial({});
}

async function collectionOf({ collection }: Item, { records }: DataDeps): Promise<DatasetRecord> {
  return (await loadDataset(records, collection || DEFAULT_COLLECTION, "collection")).value;
}

class ItemUpload {
  readonly #dataset: DatasetRecord;
  readonly #deps: DataDeps;
  /** At most {@link CHUNK_ITEMS} and {@link CHUNK_BYTES}, and one item. */
  #chunk: RowMutation[] = [];
  #chunkBytes = 0;
  /** Of the next item. */
  #index = 0;
  #stored = 0;
  #storedBytes = 0;
  #duplicates = 0;
  #rejected = 0;
  readonly #errors: ItemError[] = [];

  constructor(dataset: DatasetRecord, deps: DataDeps) {
    this.#dataset = dataset;
    this.#deps = deps;
  }

  async add(item: Item): Promise<void> {
    try {
      const put = this.#draftOf(item);
      this.#chunk.push({ collection: this.#dataset.collection, put, skipEqual: true });
      this.#chunkBytes += put.key.length + put.head.length + put.data.length;
    } catch (error) {
      this.#reject(item, callersError(error));
    }
    this.#index += 1;
    if (this.#chunk.length >= CHUNK_ITEMS || this.#chunkBytes >= CHUNK_BYTES) await this.flush();
  }

  /** @throws ServiceError `RESOURCE_NOT_FOUND` if the collection was deleted meanwhile */
  async flush(): Promise<void> {
    if (this.#chunk.length === 0) return;
    const chunk = this.#chunk;
    this.#chunk = [];
    this.#chunkBytes = 0;
    await checkStillThere(this.#deps.records, this.#dataset);
    const { outcomes } = await this.#deps.items.commit(chunk, { atomic: false });
    for (const [index, { type }] of outcomes.entries()) {
      if (type === "written") {
        this.#stored += 1;
        this.#storedBytes += chunk[index]?.put?.data.length ?? 0;
      } else if (type === "unchanged") this.#duplicates += 1;
      else throw new Error(`an upload was refused: ${type}`); // it sets no versions, and ids that nobody has
    }
  }

  response(): UploadResponse {
    return UploadResponse.fromPartial({
      itemCount: Math.min(this.#stored, MAX_INT32),
      totalSize: this.#storedBytes,
      duplicateCount: Math.min(this.#duplicates, MAX_INT32),
      rejectedCount: Math.min(this.#rejected, MAX_INT32),
      itemErrors: this.#errors,
    });
  }

  #draftOf(item: Item): NonNullable<RowMutation["put"]> {
    if (item.id !== "") {
      checkItemKey("id", item.id);
      return rowDraftOf(item.id, item, "", this.#deps);
    }
    const id = String(this.#deps.newItemIds.take());
    return { ...rowDraftOf(id, item, "", this.#deps), id };
  }

  #reject({ id }: Item, error: ServiceError): void {
    this.#rejected += 1;
    if (this.#errors.length >= MAX_ITEM_ERRORS) return;
    this.#errors.push({ index: this.#index, id: id.slice(0, MAX_ERROR_ID_LENGTH), status: statusOf(error) });
  }
}
