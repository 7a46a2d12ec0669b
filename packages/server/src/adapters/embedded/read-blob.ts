import type { FileHandle } from "node:fs/promises";

import { crc32c } from "@millrace/shared-types";

import type { BlobRange } from "../../ports/blob-store.js";

import { BLOCK_BYTES, BlobFooter, corruptData, readFully } from "./blob-footer.js";

export interface ReadBlobOptions {
  /** Most bytes of a piece. */
  readonly chunkBytes: number;
  readonly signal: AbortSignal;
}

/**
 * Bytes of an open blob in order, each block checked before any of it is yielded. Holds the
 * window that is being yielded and the one that is read ahead: twice `chunkBytes`, rounded up
 * to whole blocks. Does not close `file`.
 */
export async function* readBlob(
  file: FileHandle,
  range: BlobRange,
  { chunkBytes, signal }: ReadBlobOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const footer = await BlobFooter.read(file);
  const end = Math.min(range.end, footer.size);
  const windowBytes = Math.ceil(chunkBytes / BLOCK_BYTES) * BLOCK_BYTES;
  let windowStart = range.start - (range.start % BLOCK_BYTES);
  let ahead = windowStart < end ? readWindow(file, footer, windowStart, windowBytes) : undefined;
  try {
    while (ahead !== undefined) {
      const window = await ahead;
      const next = windowStart + windowBytes;
      ahead = next < end ? readWindow(file, footer, next, windowBytes) : undefined;
      const last = Math.min(end - windowStart, window.length);
      for (let at = Math.max(0, range.start - windowStart); at < last; at += chunkBytes) {
        signal.throwIfAborted();
        yield window.subarray(at, Math.min(at + chunkBytes, last));
      }
      windowStart = next;
    }
  } finally {
    await ahead?.catch(() => {}); // `file` must not be closed under a read
  }
}

/** Whole blocks, checked. A failure is kept for whoever awaits it, however late that is. */
function readWindow(file: FileHandle, footer: BlobFooter, start: number, windowBytes: number): Promise<Buffer> {
  const window = readBlocks(file, footer, start, Math.min(windowBytes, footer.size - start));
  window.catch(() => {});
  return window;
}

async function readBlocks(file: FileHandle, footer: BlobFooter, start: number, length: number): Promise<Buffer> {
  const window = Buffer.allocUnsafeSlow(length);
  await readFully(file, window, start);
  for (let at = 0; at < length; at += BLOCK_BYTES) {
    const crc = crc32c(window.subarray(at, at + BLOCK_BYTES));
    if (crc !== (await footer.crcOf((start + at) / BLOCK_BYTES))) {
      throw corruptData(start + at, "a block does not match its checksum");
    }
  }
  return window;
}
