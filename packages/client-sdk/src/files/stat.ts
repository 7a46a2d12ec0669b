import { FileServiceDefinition } from "@millrace/shared-types";

import type { CallOptions } from "../options.js";
import { checkFilename } from "./check-file-options.js";
import type { FilesDeps } from "./files-api.js";
import { toFileInfo } from "./file-info.js";
import type { FileInfo, FileReference } from "./types.js";

/**
 * Describes a file.
 *
 * @throws {StreamingError} NOT_FOUND if there is none
 */
export async function stat({ rpc }: FilesDeps, reference: FileReference, options?: CallOptions): Promise<FileInfo> {
  if (typeof reference !== "string") checkFilename(reference.filename);
  const name =
    typeof reference === "string"
      ? ({ $case: "fileId", value: reference } as const)
      : ({ $case: "filename", value: reference.filename } as const);
  const { file } = await rpc.unary(FileServiceDefinition, FileServiceDefinition.methods.getFile, { name }, options);
  return toFileInfo(file);
}
