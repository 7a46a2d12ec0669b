import type { ListUploadsRequest, ListUploadsResponse } from "@millrace/shared-types";
import { encodeMessage, UploadSession } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { ownerKey } from "./file-names.js";
import type { FilesDeps } from "./files-deps.js";
import { getJson } from "../records/json-records.js";
import { loadPage } from "../records/load-page.js";
import { pageLimit } from "../records/page-tokens.js";
import type { UploadRecord } from "./upload-record.js";
import { toUploadSession, UPLOADS } from "./upload-record.js";
import { OPEN_UPLOADS } from "./upload-sessions.js";

/** Lists the caller's open sessions. A page may be short when sessions end meanwhile or are described at length; the token counts. */
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
  const load = async ({ key }: { readonly key: string }): Promise<UploadSession | undefined> => {
    const upload = (await getJson<UploadRecord>(records, UPLOADS, key.slice(prefix.length)))?.value;
    const isOpen = upload?.state === "open" && upload.expiresAt > clock.now();
    return isOpen ? toUploadSession(upload, undefined) : undefined;
  };
  const bytesOf = (upload: UploadSession): number => encodeMessage(UploadSession, upload).length;
  const page = await loadPage(found, { limit, load, bytesOf });
  return { uploads: [...page.items], nextPageToken: pageTokens.tokenFor(page.nextAfter, shape) };
}
