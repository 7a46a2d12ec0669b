import { FileServiceDefinition } from "@millrace/shared-types";

import { PullIterator } from "../rpc/pull-iterator.js";
import { checkListOptions } from "./check-file-options.js";
import { toFileInfo } from "./file-info.js";
import type { FilesDeps } from "./files-api.js";
import type { FileInfo, ListFilesOptions } from "./types.js";

/**
 * All files in ascending order of name. Fetches one page at a time, when the loop gets there;
 * holds one page. Files published meanwhile may or may not appear. Each loop begins anew.
 */
export function list(deps: FilesDeps, options: ListFilesOptions = {}): AsyncIterable<FileInfo> {
  checkListOptions(options);
  return {
    [Symbol.asyncIterator]() {
      const left = new AbortController();
      const signal = options.signal ? AbortSignal.any([options.signal, left.signal]) : left.signal;
      const files = filesOf(deps, { ...options, signal });
      return new PullIterator(
        async () => (await files.next()).value,
        () => left.abort(),
      );
    },
  };
}

async function* filesOf(
  { rpc }: FilesDeps,
  { prefix = "", pageSize = 0, ...call }: ListFilesOptions,
): AsyncGenerator<FileInfo, undefined, undefined> {
  const { listFiles } = FileServiceDefinition.methods;
  let pageToken = "";
  do {
    const page = await rpc.unary(FileServiceDefinition, listFiles, { prefix, pageSize, pageToken }, call);
    yield* page.files.map(toFileInfo);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}
