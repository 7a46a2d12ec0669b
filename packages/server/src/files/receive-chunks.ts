import type { FileChunk } from "@millrace/shared-types";

import type { ChunkChecks } from "./chunk-checks.js";
import type { TotalSize } from "./upload-target.js";

/** Where checked chunks go, and what they must fit. */
export interface Receiver {
  readonly checks: ChunkChecks;
  readonly total: TotalSize;
  readonly target: {
    readonly committedSize: number;
    write(offset: number, content: Uint8Array, checkedCrc32c: number | undefined): Promise<void>;
    flush(): Promise<void>;
  };
  /** Called after each chunk has been taken in, and flushed if it asked for that. */
  readonly onChunk?: (chunk: FileChunk) => void;
}

/**
 * Takes in the chunks of one stream, one at a time. Resolves with how the stream ended: with a
 * message that says `finish_write`, or with a half-close. Rejects if it was cut.
 */
export async function receiveChunks(
  chunks: AsyncIterable<FileChunk>,
  { checks, total, target, onChunk }: Receiver,
): Promise<"finish" | "half-close"> {
  for await (const chunk of chunks) {
    checks.check(chunk);
    total.check(chunk.totalSize, chunk.offset + chunk.content.length, target.committedSize);
    await target.write(chunk.offset, chunk.content, chunk.crc32c);
    if (chunk.flush) await target.flush();
    onChunk?.(chunk);
    if (chunk.finishWrite) return "finish";
  }
  return "half-close";
}

/** `first`, then what is left of `rest`. */
export async function* startingWith<T>(first: T, rest: AsyncIterator<T>): AsyncGenerator<T, void, undefined> {
  yield first;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}
