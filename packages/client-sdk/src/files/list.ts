import { FileServiceDefinition } from "@millrace/shared-types";

import type { FilesDeps } from "./files-api.js";
import { toFileInfo } from "./file-info.js";
import type { FileInfo, ListFilesOptions } from "./types.js";

/**
 * All files in ascending order of name. Fetches one page at a time, when the loop gets there;
 * holds one page. Files published meanwhile may or may not appear.
 */
export async function* list(
  { rpc }: FilesDeps,
  { prefix = "", pageSize = 0, ...call }: ListFilesOptions = {},
): AsyncGenerator<FileInfo, undefined, undefined> {
  const { listFiles } = FileServiceDefinition.methods;
  let pageToken = "";
  do {
    const page = await rpc.unary(FileServiceDefinition, listFiles, { prefix, pageSize, pageToken }, call);
    yield* page.files.map(toFileInfo);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}
