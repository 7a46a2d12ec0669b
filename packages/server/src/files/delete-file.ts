import type { DeleteFileRequest, DeleteFileResponse } from "@millrace/shared-types";
import { invalidField, ServiceError } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { askerOf } from "./asker-of.js";
import { dropUnreferenced, removeReference } from "./contents.js";
import { generationMatch } from "./file-draft.js";
import { checkGeneration, removeFromName } from "./file-names.js";
import type { FileRecord } from "./file-record.js";
import { FILES, loadFile } from "./file-record.js";
import type { FilesDeps } from "./files-deps.js";
import type { Versioned } from "../records/json-records.js";
import { removeRecord, untilCommitted } from "../records/json-records.js";

/** Deletes a file. Downloads that have begun finish. */
export async function deleteFile(
  request: DeleteFileRequest,
  context: CallContext,
  deps: FilesDeps,
): Promise<DeleteFileResponse> {
  const { fileId, allowMissing } = request;
  if (fileId === "") throw invalidField("file_id", "must be set");
  const { ifGenerationMatch } = generationMatch("if_generation_match", request.ifGenerationMatch);
  try {
    await untilCommitted(async () => {
      const file = await loadFile(deps.records, fileId, askerOf(context, deps));
      checkGeneration(ifGenerationMatch, file.value.generation);
      await removeFile(deps, file);
    });
  } catch (error) {
    const missing = error instanceof ServiceError && error.reason === "RESOURCE_NOT_FOUND";
    if (!missing || !allowMissing) throw error;
  }
  return {};
}

/** Takes a file away, and its content if nobody else needs that. Throws VersionConflict if it changed meanwhile. */
export async function removeFile(deps: FilesDeps, { version, value: file }: Versioned<FileRecord>): Promise<void> {
  await deps.records.commit([
    removeRecord(FILES, file.fileId, version),
    removeReference(file.sha256, file.owner, file.fileId),
    ...(await removeFromName(deps.records, file, deps.clock.now())),
  ]);
  await dropUnreferenced(deps, file.sha256);
}
