import type { ListFilesRequest, ListFilesResponse } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { listByName, ownerKey } from "./file-names.js";
import type { FileRecord } from "./file-record.js";
import { FILES, isExpired, toFileInfo } from "./file-record.js";
import type { FilesDeps } from "./files-deps.js";
import { getJson } from "./json-records.js";
import { pageLimit, pageOf } from "./page-tokens.js";

/**
 * Lists the caller's files in order of name, bytewise, the newest generation of a name first. A page
 * may be short when files go meanwhile; the token counts.
 */
export async function listFiles(
  request: ListFilesRequest,
  { principal }: CallContext,
  { records, pageTokens, clock }: FilesDeps,
): Promise<ListFilesResponse> {
  const limit = pageLimit(request.pageSize);
  const { prefix } = request;
  const shape = `files:${ownerKey(principal.id)}/${prefix}`;
  const after = pageTokens.positionOf(request.pageToken, shape);
  const found = await listByName(records, principal.id, {
    prefix,
    limit: limit + 1,
    ...(after !== undefined && { after }),
  });
  const page = pageOf(found, limit);
  const files = await Promise.all(page.entries.map(({ fileId }) => getJson<FileRecord>(records, FILES, fileId)));
  const present = files.flatMap((file) =>
    file === undefined || isExpired(file.value, clock.now()) ? [] : [file.value],
  );
  return { files: present.map(toFileInfo), nextPageToken: pageTokens.tokenFor(page.nextAfter, shape) };
}
