import { FileServiceDefinition, toTimestamp } from "@millrace/shared-types";

import { checkUpdate } from "./check-file-options.js";
import type { FilesDeps } from "./files-api.js";
import { toFileInfo } from "./file-info.js";
import type { FileChanges, FileInfo, UpdateFileOptions } from "./types.js";

/** Path in the update mask of each thing that can change. */
const MASK_PATHS: Readonly<Record<keyof FileChanges, string>> = {
  filename: "filename",
  contentType: "content_type",
  metadata: "metadata",
  expiresAt: "expire_time",
};

/**
 * Changes what `changes` names and returns the file as it is then. Not retried unless
 * `options.retry` is given, for a repeated change would raise the metageneration twice.
 *
 * @throws {StreamingError} NOT_FOUND; ABORTED if `ifMetagenerationMatch` does not hold
 */
export async function update(
  { rpc }: FilesDeps,
  fileId: string,
  changes: FileChanges,
  options: UpdateFileOptions = {},
): Promise<FileInfo> {
  checkUpdate(changes, options);
  const { ifMetagenerationMatch, ...call } = options;
  const { filename = "", contentType = "", metadata = {}, expiresAt } = changes;
  const request = {
    file: {
      fileId,
      filename,
      contentType,
      metadata: new Map(Object.entries(metadata)),
      expireTime: expiresAt ? toTimestamp(expiresAt) : undefined,
    },
    updateMask: maskOf(changes),
    ifMetagenerationMatch,
  };
  const { file } = await rpc.unary(FileServiceDefinition, FileServiceDefinition.methods.updateFile, request, call);
  return toFileInfo(file);
}

function maskOf(changes: FileChanges): string[] {
  return Object.entries(MASK_PATHS)
    .filter(([key]) => changes[key as keyof FileChanges] !== undefined)
    .map(([, path]) => path);
}
