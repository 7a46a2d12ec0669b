import type { FileHandle } from "node:fs/promises";

import { crc32c, ServiceError } from "@millrace/shared-types";

/**
 * A stored blob is its content followed by a footer, so that one rename makes both visible:
 *
 *     content · CRC32C of each 64 KiB block (4 bytes each) · trailer (28 bytes)
 *     trailer: magic (8) · version (4) · block size (4) · content size (8) · CRC32C of the trailer so far (4)
 *
 * All numbers are little-endian. A damaged entry of the table makes its block unreadable, which
 * is an alarm too many but never a wrong byte; so the table needs no checksum of its own.
 */
export const BLOCK_BYTES: number = 64 * 1024;

const MAGIC = Buffer.from("MILLRACE", "latin1");
const VERSION = 1;
const TRAILER_BYTES = 28;
/** Table entries that are read at once: 4 KiB, for 64 MiB of content. */
const PAGE_ENTRIES = 1024;

/** The bytes that follow the content. */
export function encodeFooter(size: number, blockCrcs: readonly number[]): Buffer {
  const footer = Buffer.alloc(blockCrcs.length * 4 + TRAILER_BYTES);
  blockCrcs.forEach((crc, index) => footer.writeUInt32LE(crc, index * 4));
  const trailer = footer.subarray(blockCrcs.length * 4);
  MAGIC.copy(trailer);
  trailer.writeUInt32LE(VERSION, 8);
  trailer.writeUInt32LE(BLOCK_BYTES, 12);
  trailer.writeBigUInt64LE(BigInt(size), 16);
  trailer.writeUInt32LE(crc32c(trailer.subarray(0, 24)), 24);
  return footer;
}

/** The footer of an open blob. Holds 4 KiB of the table at a time. */
export class BlobFooter {
  /** Bytes of content. */
  readonly size: number;
  readonly #file: FileHandle;
  #page: { readonly index: number; readonly crcs: Buffer } | undefined;

  constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.size = size;
  }

  /** @throws ServiceError `CORRUPT_DATA` if the file does not end in a footer that fits it */
  static async read(file: FileHandle): Promise<BlobFooter> {
    const { size: fileBytes } = await file.stat();
    const trailer = Buffer.alloc(TRAILER_BYTES);
    await readFully(file, trailer, Math.max(0, fileBytes - TRAILER_BYTES));
    const size = Number(trailer.readBigUInt64LE(16));
    const intact =
      trailer.readUInt32LE(24) === crc32c(trailer.subarray(0, 24)) &&
      MAGIC.equals(trailer.subarray(0, 8)) &&
      trailer.readUInt32LE(8) === VERSION &&
      trailer.readUInt32LE(12) === BLOCK_BYTES &&
      fileBytes === size + Math.ceil(size / BLOCK_BYTES) * 4 + TRAILER_BYTES;
    if (!intact) throw corruptData(0, "its description is damaged");
    return new BlobFooter(file, size);
  }

  /** Checksum that a block must have. */
  async crcOf(block: number): Promise<number> {
    const index = Math.floor(block / PAGE_ENTRIES);
    if (this.#page?.index !== index) this.#page = { index, crcs: await this.#readPage(index) };
    return this.#page.crcs.readUInt32LE((block % PAGE_ENTRIES) * 4);
  }

  async #readPage(index: number): Promise<Buffer> {
    const first = index * PAGE_ENTRIES;
    const entries = Math.min(PAGE_ENTRIES, Math.ceil(this.size / BLOCK_BYTES) - first);
    const crcs = Buffer.alloc(entries * 4);
    await readFully(this.#file, crcs, this.size + first * 4);
    return crcs;
  }
}

/**
 * Fills `target` from `position` on.
 *
 * @throws ServiceError `CORRUPT_DATA` if the file ends before
 */
export async function readFully(file: FileHandle, target: Buffer, position: number): Promise<void> {
  let filled = 0;
  while (filled < target.length) {
    const { bytesRead } = await file.read(target, filled, target.length - filled, position + filled);
    if (bytesRead === 0) throw corruptData(position + filled, "bytes are missing");
    filled += bytesRead;
  }
}

/** DATA_LOSS about content at `offset`. */
export function corruptData(offset: number, found: string): ServiceError {
  return new ServiceError("CORRUPT_DATA", `stored content is damaged at offset ${String(offset)}: ${found}`, {
    metadata: { offset },
  });
}
