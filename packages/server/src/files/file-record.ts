import type { FileInfo } from "@millrace/shared-types";
import { resourceNotFound, timestampOfMs } from "@millrace/shared-types";

import type { RecordStore } from "../ports/record-store.js";

import type { FileDraft } from "./file-draft.js";
import type { Versioned } from "../records/json-records.js";
import { getJson } from "../records/json-records.js";

/** Published files, by file id. */
export const FILES = "files";

/** A published file. Its content is the blob with its SHA-256, for ever. Times are milliseconds since 1970. */
export interface FileRecord {
  readonly fileId: string;
  readonly owner: string;
  readonly filename: string;
  readonly size: number;
  readonly sha256: string;
  readonly crc32c: number;
  readonly contentType: string;
  readonly metadata: FileDraft["metadata"];
  readonly generation: number;
  readonly metageneration: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly expiresAt?: number | undefined;
}

/** Who asks, and what time it is. */
export interface Asker {
  readonly owner: string;
  readonly nowMs: number;
}

/**
 * The file of this owner.
 *
 * @throws ServiceError `RESOURCE_NOT_FOUND`, the same whether it never was, is gone or belongs to another
 */
export async function loadFile(records: RecordStore, fileId: string, asker: Asker): Promise<Versioned<FileRecord>> {
  const file = await getJson<FileRecord>(records, FILES, fileId);
  if (file === undefined || file.value.owner !== asker.owner || isExpired(file.value, asker.nowMs)) {
    throw resourceNotFound("file", fileId);
  }
  return file;
}

/** Whether the file's time is over, swept away or not. */
export function isExpired({ expiresAt }: Pick<FileRecord, "expiresAt">, nowMs: number): boolean {
  return expiresAt !== undefined && expiresAt <= nowMs;
}

/** The file as callers see it. */
export function toFileInfo(file: FileRecord): FileInfo {
  return {
    fileId: file.fileId,
    filename: file.filename,
    size: file.size,
    checksums: { sha256: file.sha256, crc32c: file.crc32c },
    contentType: file.contentType,
    metadata: new Map(file.metadata),
    generation: file.generation,
    metageneration: file.metageneration,
    createTime: timestampOfMs(file.createdAt),
    updateTime: timestampOfMs(file.updatedAt),
    expireTime: file.expiresAt === undefined ? undefined : timestampOfMs(file.expiresAt),
    owner: file.owner,
  };
}
