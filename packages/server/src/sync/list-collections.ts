import {
  Collection,
  encodeMessage,
  type ListCollectionsRequest,
  type ListCollectionsResponse,
} from "@millrace/shared-types";

import { loadPage } from "../records/load-page.js";
import { pageLimit } from "../records/page-tokens.js";
import type { CallContext } from "../rpc/call-context.js";

import { type CollectionRecord, COLLECTIONS } from "./collections.js";
import { describeCollection } from "./describe-collection.js";
import type { SyncDeps } from "./sync-deps.js";

const SHAPE = "sync.collections";

/** Lists all collections in order of name. */
export async function listCollections(
  { pageSize, pageToken }: ListCollectionsRequest,
  _: CallContext,
  deps: SyncDeps,
): Promise<ListCollectionsResponse> {
  const { records, pageTokens } = deps;
  const limit = pageLimit(pageSize);
  const after = pageTokens.positionOf(pageToken, SHAPE);
  const found = await records.scan(COLLECTIONS, { limit: limit + 1, ...(after !== undefined && { after }) });
  const load = ({ value }: { readonly value: string }): Promise<Collection> =>
    describeCollection(JSON.parse(value) as CollectionRecord, deps);
  const bytesOf = (collection: Collection): number => encodeMessage(Collection, collection).length;
  const page = await loadPage(found, { limit, load, bytesOf });
  return { collections: [...page.items], nextPageToken: pageTokens.tokenFor(page.nextAfter, SHAPE) };
}
