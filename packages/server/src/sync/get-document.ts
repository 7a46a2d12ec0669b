import { type GetDocumentRequest, type GetDocumentResponse, resourceNotFound } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { checkDocumentId } from "./check-change.js";
import { readDocument, toChange } from "./document.js";
import type { SyncDeps } from "./sync-deps.js";

/**
 * A document as it is now, with its siblings.
 *
 * @throws ServiceError `RESOURCE_NOT_FOUND`, also if it is deleted
 */
export async function getDocument(
  { collection, docId }: GetDocumentRequest,
  _: CallContext,
  { collections, items }: Pick<SyncDeps, "collections" | "items">,
): Promise<GetDocumentResponse> {
  checkDocumentId("doc_id", docId);
  const { documents } = collections.get(collection);
  const row = await items.get(documents, { key: docId });
  if (row === undefined) throw resourceNotFound("document", docId);
  return { current: toChange(collection, docId, readDocument(row), row.version) };
}
