import type { FileInfo, UpdateFileRequest, UpdateFileResponse } from "@millrace/shared-types";
import { invalidField, msOfTimestamp, ServiceError } from "@millrace/shared-types";

import type { Mutation } from "../ports/record-store.js";
import type { CallContext } from "../rpc/call-context.js";

import { askerOf } from "./asker-of.js";
import { addDue } from "./due.js";
import { contentTypeOf, metadataOf } from "./file-draft.js";
import { checkFileName } from "./file-name.js";
import { addToName, readName, removeFromName } from "./file-names.js";
import type { FileRecord } from "./file-record.js";
import { FILES, loadFile, toFileInfo } from "./file-record.js";
import type { FilesDeps } from "./files-deps.js";
import { putJson, untilCommitted } from "../records/json-records.js";

/** What can change, by its path in the mask. */
const FIELDS: Readonly<Record<string, (file: FileInfo) => Partial<FileRecord>>> = {
  filename: ({ filename }) => {
    checkFileName("file.filename", filename);
    return { filename };
  },
  content_type: ({ contentType }) => ({ contentType: contentTypeOf("file.content_type", contentType) }),
  metadata: ({ metadata }) => ({ metadata: metadataOf("file.metadata", metadata) }),
  expire_time: expiryOf,
};

/**
 * Changes metadata of a file. Under another name it becomes that name's next generation; what had
 * the name before stays, as an older generation.
 */
export function updateFile(
  request: UpdateFileRequest,
  context: CallContext,
  deps: FilesDeps,
): Promise<UpdateFileResponse> {
  const { fileId, change } = checkRequest(request);
  const nowMs = deps.clock.now();
  return untilCommitted(async () => {
    const { version, value: before } = await loadFile(deps.records, fileId, askerOf(context, deps));
    checkMetageneration(request.ifMetagenerationMatch, before.metageneration);
    const changed = { ...before, ...change, metageneration: before.metageneration + 1, updatedAt: nowMs };
    const renamed = await rename(deps, before, changed, nowMs);
    const after = { ...changed, generation: renamed.generation };
    const due = after.expiresAt === undefined ? [] : [addDue(after.expiresAt, "file", fileId)];
    await deps.records.commit([putJson(FILES, fileId, after, version), ...renamed.mutations, ...due]);
    return { file: toFileInfo(after) };
  });
}

interface CheckedChange {
  readonly fileId: string;
  readonly change: Partial<FileRecord>;
}

function checkRequest({ file, updateMask }: UpdateFileRequest): CheckedChange {
  if (file === undefined || file.fileId === "") throw invalidField("file.file_id", "must be set");
  if (updateMask === undefined || updateMask.length === 0)
    throw invalidField("update_mask", "must name what to change");
  const changes = updateMask.map((path) => {
    if (!Object.hasOwn(FIELDS, path)) throw invalidField("update_mask", `cannot change ${JSON.stringify(path)}`);
    return FIELDS[path]?.(file);
  });
  return { fileId: file.fileId, change: Object.assign({}, ...changes) as Partial<FileRecord> };
}

/** Not set: the file stays for good. JSON leaves out what is undefined. */
function expiryOf({ expireTime }: FileInfo): Partial<FileRecord> {
  if (expireTime === undefined) return { expiresAt: undefined };
  try {
    return { expiresAt: msOfTimestamp(expireTime) };
  } catch {
    throw invalidField("file.expire_time", "must be within the years 1 to 9999");
  }
}

async function rename(
  { records }: FilesDeps,
  before: FileRecord,
  after: FileRecord,
  nowMs: number,
): Promise<{ readonly generation: number; readonly mutations: readonly Mutation[] }> {
  if (after.filename === before.filename) return { generation: before.generation, mutations: [] };
  const removed = await removeFromName(records, before, nowMs);
  const added = addToName(await readName(records, after), after);
  return { generation: added.generation, mutations: [...removed, ...added.mutations] };
}

function checkMetageneration(expected: number | undefined, actual: number): void {
  if (expected === undefined || expected === actual) return;
  throw new ServiceError("REVISION_MISMATCH", `the metageneration is ${String(actual)}, not ${String(expected)}`, {
    metadata: { expected, actual },
  });
}
