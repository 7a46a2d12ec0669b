import { combineCrc32c, crc32c } from "@millrace/shared-types";

import type { StagedBlob } from "../ports/blob-store.js";

/** Bytes from the start, and their CRC32C. */
export interface Prefix {
  readonly size: number;
  readonly crc32c: number;
}

export const EMPTY_PREFIX: Prefix = { size: 0, crc32c: 0 };

/**
 * Writes content in order. One write is under way while the caller fetches the next content:
 * besides that content it holds nothing.
 */
export class SequentialWriter {
  readonly #staged: StagedBlob;
  #received: Prefix;
  #written: Prefix;
  #writing: Promise<void> = Promise.resolve();

  constructor(staged: StagedBlob, start: Prefix) {
    this.#staged = staged;
    this.#received = start;
    this.#written = start;
  }

  /** What was taken in, perhaps not written yet. */
  get received(): Prefix {
    return this.#received;
  }

  /** What is written, though not durable. */
  get written(): Prefix {
    return this.#written;
  }

  /**
   * Takes content that starts at or before the end of what was received; the part that is known is
   * skipped. Resolves with the number of new bytes, once the content before is written.
   * `checkedCrc32c` is the content's CRC32C, if the caller has it already.
   */
  async write(offset: number, content: Uint8Array, checkedCrc32c?: number): Promise<number> {
    await this.#writing;
    const fresh = content.subarray(Math.min(content.length, this.#received.size - offset));
    if (fresh.length === 0) return 0;
    const start = this.#received.size;
    const freshCrc32c = fresh.length === content.length ? checkedCrc32c : undefined;
    this.#received = extended(this.#received, fresh, freshCrc32c);
    this.#writing = this.#writeOne(start, fresh, this.#received);
    this.#writing.catch(() => {}); // thrown by the next write or settle
    return fresh.length;
  }

  /** Resolves once all that was received is written. */
  settle(): Promise<void> {
    return this.#writing;
  }

  async #writeOne(start: number, content: Uint8Array, after: Prefix): Promise<void> {
    await this.#staged.write(start, content);
    this.#written = after;
  }
}

function extended(prefix: Prefix, content: Uint8Array, contentCrc32c = crc32c(content)): Prefix {
  return {
    size: prefix.size + content.length,
    crc32c: combineCrc32c(prefix.crc32c, contentCrc32c, content.length),
  };
}
