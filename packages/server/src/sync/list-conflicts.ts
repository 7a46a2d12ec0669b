import type { ListConflictsRequest, ListConflictsResponse } from "@millrace/shared-types";

import { pageLimit } from "../records/page-tokens.js";
import type { CallContext } from "../rpc/call-context.js";

import type { SyncDeps } from "./sync-deps.js";

/** Documents have nothing but their ids here: 1000 of them are 1 MiB. */
const MAX_BYTES = 1024 * 1024;

/** Lists the documents that have siblings, in bytewise order of their ids. */
export async function listConflicts(
  { collection, pageSize, pageToken }: ListConflictsRequest,
  _: CallContext,
  { collections, items, pageTokens }: Pick<SyncDeps, "collections" | "items" | "pageTokens">,
): Promise<ListConflictsResponse> {
  const { conflicts } = collections.get(collection);
  const maxRows = pageLimit(pageSize);
  const afterKey = pageTokens.positionOf(pageToken, conflicts);
  const scan = { collection: conflicts, maxRows, maxBytes: MAX_BYTES, keysOnly: true };
  const { rows, exhausted } = await items.scan({ ...scan, ...(afterKey !== undefined && { afterKey }) });
  const docIds = rows.map(({ key }) => key);
  const last = exhausted ? undefined : docIds.at(-1);
  return { docIds, nextPageToken: pageTokens.tokenFor(last, conflicts) };
}
