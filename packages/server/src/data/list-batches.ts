import {
  DataBatch,
  DEFAULT_LIST_BATCH_BYTES,
  type EncodedMessage,
  EncodedMessages,
  invalidField,
  type ListBatchesRequest,
  type ListBatchesResponse,
  ListRequest,
  MAX_LIST_BATCH_BYTES,
} from "@millrace/shared-types";

import { laidOut } from "../wire/written.js";
import type { CallContext } from "../rpc/call-context.js";

import type { DataDeps } from "./data-deps.js";
import { fetchItemsOf } from "./list-plan.js";
import { LentMessage } from "./lent-message.js";
import { type ListPage, openListing } from "./listing.js";
import { type PackedItems, packItems, packRows } from "./packed-items.js";

/** Items of a message: with all their attributes they are not too many elements for a decoder. */
const MAX_BATCH_ITEMS = 1000;

/** Of ListBatchesResponse.batch. */
const BATCH_TAG = 0x0a;
/** Of DataBatch.items. */
const ITEMS_TAG = 0x0a;

const NO_BATCH: DataBatch = DataBatch.fromPartial({});

/** As `listLargeDataset`, with many items in a message. */
export async function* listBatches(
  { list = ListRequest.fromPartial({}), maxBatchBytes }: ListBatchesRequest,
  context: CallContext,
  deps: DataDeps,
): AsyncGenerator<ListBatchesResponse | EncodedMessages, void, undefined> {
  const maxBytes = batchBytesOf(maxBatchBytes);
  const fetchItems = fetchItemsOf("list.batch_size", list.batchSize);
  const maxRows = list.batchSize === 0 ? MAX_BATCH_ITEMS : Math.min(fetchItems, MAX_BATCH_ITEMS);
  const listing = await openListing(list, "list.", context, deps);
  for await (const page of listing.pages({ maxRows, maxBytes })) {
    if (page.count === 0) yield { batch: { ...NO_BATCH, ...headOf(page), control: listing.heartbeat(page) } };
    else yield new EncodedMessages([batchMessage(page, list.cursorPerItem)]);
  }
}

function headOf({ count, cursor, progress }: ListPage): Pick<DataBatch, "cursor" | "rowCount" | "progress"> {
  return { cursor, rowCount: count, progress };
}

function batchBytesOf(maxBatchBytes: number): number {
  if (maxBatchBytes < 0) {
    throw invalidField("max_batch_bytes", `is ${String(maxBatchBytes)}, must not be negative`);
  }
  return Math.min(maxBatchBytes || DEFAULT_LIST_BATCH_BYTES, MAX_LIST_BATCH_BYTES);
}

/** A whole ListBatchesResponse: what is stored of the items is added as it is. */
function batchMessage(page: ListPage, cursorPerItem: boolean): EncodedMessage {
  const items = packed(page, cursorPerItem);
  const message = laidOut((writer) => {
    writer.uint32(BATCH_TAG).fork().raw(items.bytes);
    DataBatch.encode({ ...NO_BATCH, ...headOf(page) }, writer);
    return writer.join();
  });
  return new LentMessage(message, items);
}

function packed(page: ListPage, cursorPerItem: boolean): PackedItems {
  if (page.packed === undefined || cursorPerItem) {
    return packRows(page.rows, (index) => (cursorPerItem ? page.cursorAfter(index) : ""), ITEMS_TAG);
  }
  const items = packItems(page.packed, ITEMS_TAG);
  page.packed.release();
  return items;
}
