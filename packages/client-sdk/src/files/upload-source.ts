import { type FileHandle, open } from "node:fs/promises";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { ReadableStream as NodeReadableStream } from "node:stream/web";
import { fileURLToPath } from "node:url";

import type { ResumableSource, UploadSource } from "./types.js";

/** The bytes of an upload, whatever they come from. */
export interface ByteSource extends AsyncDisposable {
  /** In bytes, if known beforehand. */
  readonly size: number | undefined;
  /** Tells this content from others in a later process; only files have one. */
  readonly fingerprint: string | undefined;
  /** All bytes in order, in pieces of any size. Called once. */
  read(): AsyncIterable<Uint8Array>;
  /** Gives back what the source holds, also while a piece is awaited. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The source does not have the bytes that it had, or said it had, when the upload began. */
export class SourceChangedError extends Error {
  override readonly name = "SourceChangedError";
}

/**
 * Opens whatever can be uploaded.
 *
 * @param readBytes how much to read from a file at a time
 * @throws {TypeError} if `source` is nothing that can be uploaded
 */
export async function openUploadSource(source: UploadSource, readBytes: number): Promise<ByteSource> {
  if (typeof source === "string") return openFile(source, readBytes);
  if (source instanceof URL) return openFile(fileURLToPath(source), readBytes);
  if (source instanceof Uint8Array)
    return sourceOf(source.byteLength, async function* () {
      yield source;
    });
  if (source instanceof Blob) return streamSource(Readable.fromWeb(source.stream()), source.size);
  if (source instanceof NodeReadableStream) return streamSource(Readable.fromWeb(source));
  if (source instanceof Readable) return streamSource(source);
  if (isResumable(source)) return sourceOf(source.size, () => source.slice(0));
  if (isAsyncIterable(source)) return sourceOf(undefined, () => source);
  throw new TypeError("the source is not a path, file URL, Uint8Array, Blob, stream or async iterable");
}

function isResumable(source: unknown): source is ResumableSource {
  if (typeof source !== "object" || source === null || source instanceof ArrayBuffer) return false;
  return "slice" in source && typeof source.slice === "function";
}

function isAsyncIterable(source: unknown): source is AsyncIterable<Uint8Array> {
  return typeof source === "object" && source !== null && Symbol.asyncIterator in source;
}

function sourceOf(size: number | undefined, read: () => AsyncIterable<Uint8Array>): ByteSource {
  return { size, fingerprint: undefined, read, [Symbol.asyncDispose]: async () => {} };
}

function streamSource(stream: Readable, size?: number): ByteSource {
  // It may fail before it is read: without a listener that would end the process. The read throws it.
  stream.on("error", () => {});
  return {
    ...sourceOf(size, () => stream),
    // Destroying also ends a read that is pending, which returning from its iterator would not.
    [Symbol.asyncDispose]: async () => {
      stream.destroy();
    },
  };
}

async function openFile(path: string, readBytes: number): Promise<ByteSource> {
  const file = await open(path, "r");
  try {
    const stat = await file.stat();
    // Pipes and devices have no size and cannot be read at a position.
    if (!stat.isFile())
      return { ...sourceOf(undefined, () => readPipe(file, readBytes)), [Symbol.asyncDispose]: () => file.close() };
    return {
      size: stat.size,
      fingerprint: JSON.stringify([resolve(path), stat.size, stat.mtimeMs]),
      read: () => readUnchanged(file, path, stat, readBytes),
      [Symbol.asyncDispose]: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A file that is written to meanwhile would arrive as a mixture of its old and new content. */
async function* readUnchanged(
  file: FileHandle,
  path: string,
  before: { readonly size: number; readonly mtimeMs: number },
  readBytes: number,
): AsyncGenerator<Uint8Array> {
  for (let position = 0; ;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(readBytes), 0, readBytes, position);
    if (bytesRead === 0) break;
    yield buffer.subarray(0, bytesRead);
    position += bytesRead;
  }
  const after = await file.stat();
  if (after.size !== before.size || after.mtimeMs !== before.mtimeMs) {
    throw new SourceChangedError(`${path} was changed while it was uploaded`);
  }
}

async function* readPipe(file: FileHandle, readBytes: number): AsyncGenerator<Uint8Array> {
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(readBytes), 0, readBytes, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}
