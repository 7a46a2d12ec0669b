import type { ListUploadsRequest, ListUploadsResponse } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { ownerKey } from "./file-names.js";
import type { FilesDeps } from "./files-deps.js";
import { getJson } from "./json-records.js";
import { pageLimit, pageOf } from "./page-tokens.js";
import type { UploadRecord } from "./upload-record.js";
import { toUploadSession, UPLOADS } from "./upload-record.js";
import { OPEN_UPLOADS } from "./upload-sessions.js";

/** Lists the caller's open sessions. A page may be short when sessions end meanwhile; the token counts. */
export async function listUploads(
  request: ListUploadsRequest,
  { principal }: CallContext,
  { records, pageTokens, clock }: FilesDeps,
): Promise<ListUploadsResponse> {
  const limit = pageLimit(request.pageSize);
  const prefix = `${ownerKey(principal.id)}/`;
  const shape = `uploads:${prefix}`;
  const after = pageTokens.positionOf(request.pageToken, shape);
  const found = await records.scan(OPEN_UPLOADS, { prefix, limit: limit + 1, ...(after !== undefined && { after }) });
  const page = pageOf(found, limit);
  const ids = page.entries.map(({ key }) => key.slice(prefix.length));
  const uploads = await Promise.all(ids.map((id) => getJson<UploadRecord>(records, UPLOADS, id)));
  const open = uploads.filter((upload) => upload?.value.state === "open" && upload.value.expiresAt > clock.now());
  return {
    uploads: open.flatMap((upload) => (upload === undefined ? [] : [toUploadSession(upload.value, undefined)])),
    nextPageToken: pageTokens.tokenFor(page.nextAfter, shape),
  };
}
