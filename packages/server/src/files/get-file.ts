import type { GetFileRequest, GetFileResponse } from "@millrace/shared-types";
import { invalidField, resourceNotFound } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { askerOf } from "./asker-of.js";
import { readName } from "./file-names.js";
import type { Asker, FileRecord } from "./file-record.js";
import { FILES, isExpired, loadFile, toFileInfo } from "./file-record.js";
import type { FilesDeps } from "./files-deps.js";
import { getJson } from "../records/json-records.js";

/** Describes a file, found by its id or by its name (the newest generation). */
export async function getFile(
  { name }: GetFileRequest,
  context: CallContext,
  deps: FilesDeps,
): Promise<GetFileResponse> {
  const asker = askerOf(context, deps);
  if (name === undefined || name.value === "") throw invalidField("name", "file_id or filename must be set");
  if (name.$case === "filename") return { file: toFileInfo(await loadByName(deps, name.value, asker)) };
  return { file: toFileInfo((await loadFile(deps.records, name.value, asker)).value) };
}

/** An id read from the index may be gone when it is looked up: then the index has changed too. */
async function loadByName({ records }: FilesDeps, filename: string, asker: Asker): Promise<FileRecord> {
  for (let previous = ""; ;) {
    const { value } = await readName(records, { owner: asker.owner, filename });
    if (value.current === 0 || value.fileId === previous) throw resourceNotFound("file", filename);
    const file = await getJson<FileRecord>(records, FILES, value.fileId);
    if (file !== undefined && !isExpired(file.value, asker.nowMs)) return file.value;
    previous = value.fileId;
  }
}
