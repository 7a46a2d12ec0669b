import { EncodedMessages, type Item, type ListItemsRequest, ListRequest } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { DataDeps } from "./data-deps.js";
import { DEFAULT_COLLECTION } from "./dataset-record.js";
import { itemBytes } from "./item-message.js";
import { PAGE_BYTES } from "./list-large-dataset.js";
import { fetchItemsOf } from "./list-plan.js";
import { openListing } from "./listing.js";

/** As `listLargeDataset`, for a collection: the dataset of that name. */
export async function* listItems(
  request: ListItemsRequest,
  context: CallContext,
  deps: DataDeps,
): AsyncGenerator<Item | EncodedMessages, void, undefined> {
  const { cursor: startCursor, collection, batchSize, limit, descending, filter } = request;
  const maxRows = fetchItemsOf("batch_size", batchSize);
  const dataset = collection || DEFAULT_COLLECTION;
  const list = ListRequest.fromPartial({ startCursor, dataset, limit, descending, filter });
  const listing = await openListing(list, "", context, deps);
  for await (const { rows, cursor } of listing.pages({ maxRows, maxBytes: PAGE_BYTES })) {
    const last = rows.length - 1;
    yield new EncodedMessages(rows.map((row, index) => itemBytes(row, index === last ? cursor : "")));
  }
}
