import { type FileInfo as WireFileInfo, type Timestamp, toDate } from "@millrace/shared-types";

import { InternalError } from "../errors.js";
import type { FileInfo } from "./types.js";

/**
 * The public form of a file.
 *
 * @throws {InternalError} if the server left out the file or a part that it promises
 */
export function toFileInfo(file: WireFileInfo | undefined): FileInfo {
  const info = present(file, "file");
  return {
    fileId: info.fileId,
    filename: info.filename,
    size: info.size,
    sha256: present(info.checksums, "file.checksums").sha256,
    crc32c: info.checksums?.crc32c,
    contentType: info.contentType,
    metadata: Object.fromEntries(info.metadata),
    generation: info.generation,
    metageneration: info.metageneration,
    createdAt: toDate(present(info.createTime, "file.create_time")),
    updatedAt: toDate(present(info.updateTime, "file.update_time")),
    expiresAt: dateOrNever(info.expireTime),
    owner: info.owner,
  };
}

/**
 * A message field that the contract promises.
 *
 * @throws {InternalError} if it is not there
 */
export function present<T>(value: T | undefined, field: string): T {
  if (value === undefined) throw new InternalError(`the server's answer lacks ${field}`, { origin: "server" });
  return value;
}

function dateOrNever(time: Timestamp | undefined): Date | undefined {
  return time && toDate(time);
}
