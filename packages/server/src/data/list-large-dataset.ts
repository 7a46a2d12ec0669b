import { DataItem, EncodedMessages, type ListRequest } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { DataDeps } from "./data-deps.js";
import { dataItemBytes } from "./item-message.js";
import { fetchItemsOf } from "./list-plan.js";
import { openListing } from "./listing.js";

/** Of a page, in bytes: a listing whose reader is slow holds two. One item may be larger. */
export const PAGE_BYTES: number = 128 * 1024;

/** Items that are fetched at a time for who does not say how many: what it costs to ask the store is shared. */
const PAGE_ITEMS = 1000;

/** Items of a page, for a request's batch size. */
export function pageItemsOf(batchSize: number): number {
  return batchSize === 0 ? PAGE_ITEMS : fetchItemsOf("batch_size", batchSize);
}

/**
 * Streams items in order of key, at the reader's pace. The last item of each batch and of each page has a cursor; all
 * have one on request.
 */
export async function* listLargeDataset(
  request: ListRequest,
  context: CallContext,
  deps: DataDeps,
): AsyncGenerator<DataItem | EncodedMessages, void, undefined> {
  const batchItems = fetchItemsOf("batch_size", request.batchSize);
  const listing = await openListing(request, "", context, deps);
  for await (const page of listing.pages({ maxRows: pageItemsOf(request.batchSize), maxBytes: PAGE_BYTES })) {
    const last = page.rows.length - 1;
    const cursorOf = (index: number): string => {
      if (index === last) return page.cursor;
      const endsBatch = request.cursorPerItem || (index + 1) % batchItems === 0;
      return endsBatch ? page.cursorAfter(index) : "";
    };
    if (page.rows.length === 0) yield DataItem.fromPartial({ cursor: page.cursor, control: listing.heartbeat(page) });
    else yield new EncodedMessages(page.rows.map((row, index) => dataItemBytes(row, cursorOf(index))));
  }
}
