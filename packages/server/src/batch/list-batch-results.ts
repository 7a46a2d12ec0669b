import { type ListBatchResultsRequest, type ListBatchResultsResponse } from "@millrace/shared-types";

import type { Row, RowScan } from "../ports/item-store.js";
import { MAX_PAGE_BYTES } from "../records/load-page.js";
import { pageLimit } from "../records/page-tokens.js";
import type { CallContext } from "../rpc/call-context.js";

import type { BatchDeps } from "./batch-deps.js";
import { type BatchRecord, collectionOf } from "./batch-record.js";
import { findBatch } from "./find-batch.js";
import { resultPrefix, toResult } from "./outcomes.js";

/**
 * Results in order of index. Those that come while the pages are read are in later pages, or missing, as their index is.
 *
 * @throws ServiceError `INVALID_FIELD`, `INVALID_CURSOR` or `RESOURCE_NOT_FOUND`
 */
export async function listBatchResults(
  { batchId, failuresOnly, pageSize, pageToken }: ListBatchResultsRequest,
  { principal }: CallContext,
  deps: BatchDeps,
): Promise<ListBatchResultsResponse> {
  const maxRows = pageLimit(pageSize);
  const record = await findBatch(batchId, principal.id, deps);
  const shape = `batch ${resultPrefix(record)} ${failuresOnly ? "failures" : "results"}`;
  const afterKey = deps.pageTokens.positionOf(pageToken, shape);
  const scan = { prefix: resultPrefix(record), maxRows, maxBytes: MAX_PAGE_BYTES, ...(afterKey && { afterKey }) };
  const { rows, exhausted } = await (failuresOnly ? failuresOf : resultsOf)(record, scan, deps);
  const nextPageToken = deps.pageTokens.tokenFor(exhausted ? undefined : rows.at(-1)?.key, shape);
  return { results: rows.map(toResult), nextPageToken };
}

type Scan = Omit<RowScan, "collection">;

interface Page {
  readonly rows: readonly Row[];
  readonly exhausted: boolean;
}

function resultsOf({ day }: BatchRecord, scan: Scan, { items }: BatchDeps): Promise<Page> {
  return items.scan({ ...scan, collection: collectionOf("results", day) });
}

async function failuresOf({ day }: BatchRecord, scan: Scan, { items }: BatchDeps): Promise<Page> {
  const { rows: index, exhausted } = await items.scan({ ...scan, collection: collectionOf("failures", day) });
  const found = await items.getAll(
    collectionOf("results", day),
    index.map(({ key }) => key),
  );
  const rows = withinPage(found.filter((row) => row !== undefined));
  return { rows, exhausted: exhausted && rows.length === found.length };
}

/** As many as a page holds; one at least. */
function withinPage(rows: readonly Row[]): readonly Row[] {
  let bytes = 0;
  const over = rows.findIndex(({ data }) => (bytes += data.length) > MAX_PAGE_BYTES);
  return over === -1 ? rows : rows.slice(0, Math.max(1, over));
}
