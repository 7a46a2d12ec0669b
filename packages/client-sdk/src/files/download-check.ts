import { createHash } from "node:crypto";

import { crc32c, type FileChunk } from "@millrace/shared-types";

import { DataLossError } from "../errors.js";
import type { FileInfo } from "./types.js";

/** Names the call in errors that happen between its RPCs. */
export const DOWNLOAD_METHOD = "streaming.v1.StreamingService/DownloadFile";

/** Checks that what arrives is what was uploaded: without holes, of the right length, unchanged. */
export class DownloadCheck {
  readonly #end: number;
  /** Of a whole file; parts are checked chunk by chunk. */
  readonly #hash: ReturnType<typeof createHash> | undefined;
  #position: number;

  /** @param hashed whether to check a whole file against its SHA-256 */
  constructor(start: number, end: number, hashed: boolean) {
    this.#position = start;
    this.#end = end;
    this.#hash = hashed ? createHash("sha256") : undefined;
  }

  /** @throws {DataLossError} if it is not the next chunk, or not the one that was sent */
  accept({ offset, content, crc32c: expected }: FileChunk): void {
    if (offset !== this.#position) throw dataLoss("chunk at the wrong offset", this.#position, offset);
    if (expected !== undefined) {
      const actual = crc32c(content);
      if (actual !== expected) throw dataLoss(`CRC32C of the chunk at ${String(offset)} is wrong`, expected, actual);
    }
    this.#hash?.update(content);
    this.#position += content.byteLength;
  }

  /** @throws {DataLossError} if bytes are missing or the whole is not what it should be */
  finish({ size, sha256 }: FileInfo): void {
    const end = Math.min(this.#end, size);
    if (this.#position !== end) throw dataLoss("the download ended too early or too late", end, this.#position);
    const actual = this.#hash?.digest("hex") ?? sha256;
    if (actual !== sha256) throw dataLoss("the SHA-256 of the downloaded bytes is wrong", sha256, actual);
  }
}

/** DATA_LOSS that says what was expected and what was found. */
export function dataLoss(message: string, expected: string | number, actual: string | number): DataLossError {
  const metadata = { expected: String(expected), actual: String(actual) };
  return new DataLossError(`${message}: expected ${metadata.expected}, found ${metadata.actual}`, {
    method: DOWNLOAD_METHOD,
    details: { metadata, unknown: [] },
  });
}
