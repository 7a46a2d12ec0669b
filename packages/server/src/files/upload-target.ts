import { ServiceError } from "@millrace/shared-types";

import type { ExpectedChecksums } from "./file-draft.js";
import { limitExceeded } from "./file-draft.js";
import type { Published } from "./publish-file.js";

/** Hears how many bytes are durable from the start without a hole, whenever there are more. */
export type OnCommit = (committedSize: number) => void;

/** Where the chunks of one stream go. Disposing of it makes durable what came, and lets others write. */
export interface UploadTarget extends AsyncDisposable {
  readonly uploadId: string;
  /** Bytes durable from the start without a hole. */
  readonly committedSize: number;

  /**
   * Writes content at an offset; what was there already is skipped. Resolves when the content
   * before it is written: at most one chunk is on its way to the disk while the next one is read.
   * `checkedCrc32c` is the content's CRC32C where that was compared with the content already.
   *
   * @throws ServiceError `UPLOAD_OFFSET_MISMATCH` if there is a hole before it
   */
  write(offset: number, content: Uint8Array, checkedCrc32c?: number): Promise<void>;

  /** Makes all content so far durable. */
  flush(): Promise<void>;

  /**
   * Publishes what was written; `undefined` where that takes a FinishUpload.
   * `signal` aborts until the content is verified.
   */
  finish(expected: readonly ExpectedChecksums[], signal: AbortSignal): Promise<Published | undefined>;
}

/** OUT_OF_RANGE about content that would leave a hole. */
export function offsetMismatch(offset: number, committedSize: number): ServiceError {
  return new ServiceError(
    "UPLOAD_OFFSET_MISMATCH",
    `the chunk starts at ${String(offset)}, but only ${String(committedSize)} bytes are there`,
    { metadata: { committed_size: committedSize } },
  );
}

/** OUT_OF_RANGE about bytes and a declared size that do not fit each other. */
export function sizeMismatch(found: number, totalSize: number, committedSize: number): ServiceError {
  return new ServiceError("UPLOAD_SIZE_MISMATCH", `${String(found)} bytes do not make a file of ${String(totalSize)}`, {
    metadata: { committed_size: committedSize, total_size: totalSize },
  });
}

/** The size that a file will have. */
export class TotalSize {
  #value: number;
  /** One past the last byte of all chunks so far. */
  #end = 0;
  readonly #maxFileBytes: number;

  /** 0: not known yet. */
  constructor(value: number, maxFileBytes: number) {
    this.#value = value;
    this.#maxFileBytes = maxFileBytes;
  }

  /** Bytes; 0: not known yet. */
  get value(): number {
    return this.#value;
  }

  /** Checks what a chunk declares (0: nothing), and that it fits. `committedSize` goes into the error. */
  check(declared: number, chunkEnd: number, committedSize: number): void {
    if (declared > this.#maxFileBytes) throw limitExceeded("max_file_bytes", this.#maxFileBytes, declared);
    if (declared !== 0 && this.#value !== 0 && declared !== this.#value) {
      throw sizeMismatch(declared, this.#value, committedSize);
    }
    if (chunkEnd > this.#maxFileBytes) throw limitExceeded("max_file_bytes", this.#maxFileBytes, chunkEnd);
    const total = declared || this.#value;
    const end = Math.max(this.#end, chunkEnd, committedSize);
    if (total !== 0 && end > total) throw sizeMismatch(end, total, committedSize);
    this.#value = total; // not before: what a refused chunk declares must not bind the next stream
    this.#end = end;
  }

  /** Checks that `size` bytes are the whole file. */
  checkEnd(size: number, committedSize: number): void {
    if (this.#value !== 0 && size !== this.#value) throw sizeMismatch(size, this.#value, committedSize);
  }
}
