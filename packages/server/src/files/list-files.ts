import type { ListFilesRequest, ListFilesResponse } from "@millrace/shared-types";
import { encodeMessage, FileInfo, MAX_FILENAME_BYTES } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { limitExceeded } from "./file-draft.js";
import { listByName, ownerKey } from "./file-names.js";
import type { FileRecord } from "./file-record.js";
import { FILES, isExpired, toFileInfo } from "./file-record.js";
import type { FilesDeps } from "./files-deps.js";
import { getJson } from "../records/json-records.js";
import { loadPage } from "../records/load-page.js";
import { pageLimit } from "../records/page-tokens.js";

/**
 * Lists the caller's files in order of name, bytewise, the newest generation of a name first. A page
 * may be short when files go meanwhile or are described at length; the token counts.
 */
export async function listFiles(
  request: ListFilesRequest,
  { principal }: CallContext,
  { records, pageTokens, clock }: FilesDeps,
): Promise<ListFilesResponse> {
  const limit = pageLimit(request.pageSize);
  const { prefix } = request;
  checkPrefix(prefix);
  const shape = `files:${ownerKey(principal.id)}/${prefix}`;
  const after = pageTokens.positionOf(request.pageToken, shape);
  const found = await listByName(records, principal.id, {
    prefix,
    limit: limit + 1,
    ...(after !== undefined && { after }),
  });
  const load = async ({ fileId }: { readonly fileId: string }): Promise<FileInfo | undefined> => {
    const file = await getJson<FileRecord>(records, FILES, fileId);
    return file === undefined || isExpired(file.value, clock.now()) ? undefined : toFileInfo(file.value);
  };
  const bytesOf = (file: FileInfo): number => encodeMessage(FileInfo, file).length;
  const page = await loadPage(found, { limit, load, bytesOf });
  return { files: [...page.items], nextPageToken: pageTokens.tokenFor(page.nextAfter, shape) };
}

/** A longer one is no beginning of any name. */
function checkPrefix(prefix: string): void {
  const bytes = Buffer.byteLength(prefix);
  if (bytes > MAX_FILENAME_BYTES) throw limitExceeded("max_filename_bytes", MAX_FILENAME_BYTES, bytes);
}
