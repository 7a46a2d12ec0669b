import type { FileHandle } from "node:fs/promises";

import { crc32c } from "@millrace/shared-types";

import type { BlobRange } from "../../ports/blob-store.js";

import { BLOCK_BYTES, BlobFooter, corruptData, readFully } from "./blob-footer.js";

export interface ReadBlobOptions {
  /** Most bytes of a piece. */
  readonly chunkBytes: number;
  readonly signal: AbortSignal;
}

/** The first window holds a chunk; each time the reader had to wait for the disk the next one is twice as large, up to this. */
const MAX_WINDOW_BYTES = 256 * 1024;

/** Whole blocks that are being read, or were. */
interface Window {
  readonly start: number;
  readonly length: number;
  /** The blocks, checked. A failure is kept for whoever awaits it, however late that is. */
  readonly content: Promise<Buffer>;
  isRead: boolean;
}

/**
 * Bytes of an open blob in order, each block checked before any of it is yielded. A piece is valid
 * until the next one is asked for: two buffers take turns, because memory that is given back and
 * taken anew for every window costs more than the reading. Holds the
 * window that is being yielded and the one that is read ahead. A reader slower than the disk costs
 * twice `chunkBytes`, rounded up to whole blocks; a faster one at most 512 KiB. Does not close `file`.
 */
export async function* readBlob(
  file: FileHandle,
  range: BlobRange,
  { chunkBytes, signal }: ReadBlobOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const footer = await BlobFooter.read(file);
  const end = Math.min(range.end, footer.size);
  let windowBytes = Math.ceil(chunkBytes / BLOCK_BYTES) * BLOCK_BYTES;
  let spare: Buffer | undefined;
  const readAt = (start: number): Window | undefined =>
    start < end ? readWindow(file, footer, start, windowBytes, spare) : undefined;
  let ahead = readAt(range.start - (range.start % BLOCK_BYTES));
  try {
    while (ahead !== undefined) {
      const window = ahead;
      if (!window.isRead && spare !== undefined) {
        windowBytes = Math.max(windowBytes, Math.min(2 * windowBytes, MAX_WINDOW_BYTES));
      }
      const content = await window.content;
      ahead = readAt(window.start + window.length);
      const last = Math.min(end - window.start, window.length);
      for (let at = Math.max(0, range.start - window.start); at < last; at += chunkBytes) {
        signal.throwIfAborted();
        yield content.subarray(at, Math.min(at + chunkBytes, last));
      }
      spare = content;
    }
  } finally {
    await ahead?.content.catch(() => {}); // `file` must not be closed under a read
  }
}

function readWindow(
  file: FileHandle,
  footer: BlobFooter,
  start: number,
  windowBytes: number,
  spare: Buffer | undefined,
): Window {
  const length = Math.min(windowBytes, footer.size - start);
  const window: Window = {
    start,
    length,
    content: readBlocks(file, footer, start, bufferOf(length, spare)),
    isRead: false,
  };
  const onRead = (): void => void (window.isRead = true);
  window.content.then(onRead, onRead);
  return window;
}

function bufferOf(length: number, spare: Buffer | undefined): Buffer {
  return spare !== undefined && spare.length >= length ? spare.subarray(0, length) : Buffer.allocUnsafeSlow(length);
}

/** Fills `window` with whole blocks and checks each. */
async function readBlocks(file: FileHandle, footer: BlobFooter, start: number, window: Buffer): Promise<Buffer> {
  await readFully(file, window, start);
  for (let at = 0; at < window.length; at += BLOCK_BYTES) {
    const crc = crc32c(window.subarray(at, at + BLOCK_BYTES));
    if (crc !== (await footer.crcOf((start + at) / BLOCK_BYTES))) {
      throw corruptData(start + at, "a block does not match its checksum");
    }
  }
  return window;
}
