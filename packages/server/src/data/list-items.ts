import { EncodedMessages, type Item, type ListItemsRequest, ListRequest } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { DataDeps } from "./data-deps.js";
import { DEFAULT_COLLECTION } from "./dataset-record.js";
import { itemBytes } from "./item-message.js";
import { PAGE_BYTES, pageItemsOf } from "./list-large-dataset.js";
import { fetchItemsOf } from "./list-plan.js";
import { openListing } from "./listing.js";

/** As `listLargeDataset`, for a collection: the dataset of that name. */
export async function* listItems(
  request: ListItemsRequest,
  context: CallContext,
  deps: DataDeps,
): AsyncGenerator<Item | EncodedMessages, void, undefined> {
  const { cursor: startCursor, collection, batchSize, limit, descending, filter } = request;
  const batchItems = fetchItemsOf("batch_size", batchSize);
  const dataset = collection || DEFAULT_COLLECTION;
  const list = ListRequest.fromPartial({ startCursor, dataset, limit, descending, filter });
  const listing = await openListing(list, "", context, deps);
  for await (const page of listing.pages({ maxRows: pageItemsOf(batchSize), maxBytes: PAGE_BYTES })) {
    const last = page.rows.length - 1;
    const cursorOf = (index: number): string => {
      if (index === last) return page.cursor;
      return (index + 1) % batchItems === 0 ? page.cursorAfter(index) : "";
    };
    yield new EncodedMessages(page.rows.map((row, index) => itemBytes(row, cursorOf(index))));
  }
}
