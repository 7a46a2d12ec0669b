import { FileServiceDefinition } from "@millrace/shared-types";

import { checkDeleteOptions } from "./check-file-options.js";
import type { FilesDeps } from "./files-api.js";
import type { DeleteFileOptions } from "./types.js";

/**
 * Deletes a file; downloads in progress finish. Not retried unless `options.retry` is given:
 * with `allowMissing` that is safe.
 *
 * @throws {StreamingError} NOT_FOUND; ABORTED if `ifGenerationMatch` does not hold
 */
export async function deleteFile({ rpc }: FilesDeps, fileId: string, options: DeleteFileOptions = {}): Promise<void> {
  checkDeleteOptions(options);
  const { ifGenerationMatch, allowMissing = false, ...call } = options;
  const request = { fileId, ifGenerationMatch, allowMissing };
  await rpc.unary(FileServiceDefinition, FileServiceDefinition.methods.deleteFile, request, call);
}
