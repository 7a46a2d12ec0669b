import { FileServiceDefinition } from "@millrace/shared-types";

import { entriesOf } from "../rpc/pages.js";
import { checkListOptions } from "./check-file-options.js";
import { toFileInfo } from "./file-info.js";
import type { FilesDeps } from "./files-api.js";
import type { FileInfo, ListFilesOptions } from "./types.js";

const { listFiles } = FileServiceDefinition.methods;

/**
 * All files in ascending order of name. Fetches one page at a time, when the loop gets there;
 * holds one page. Files published meanwhile may or may not appear. Each loop begins anew.
 */
export function list({ rpc }: FilesDeps, options: ListFilesOptions = {}): AsyncIterable<FileInfo> {
  checkListOptions(options);
  const { prefix = "", ...paging } = options;
  return entriesOf(paging, async (page, call) => {
    const answer = await rpc.unary(FileServiceDefinition, listFiles, { prefix, ...page }, call);
    return { entries: answer.files.map(toFileInfo), nextPageToken: answer.nextPageToken };
  });
}
