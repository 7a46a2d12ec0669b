import { createHash } from "node:crypto";

import { combineCrc32c, crc32c } from "@millrace/shared-types";

import type { BlobDigest } from "../../ports/blob-store.js";

import { BLOCK_BYTES } from "./blob-footer.js";

/**
 * Digests of bytes that arrive in order: SHA-256 and CRC32C of the whole, and the CRC32C of
 * every block. Holds about 8 bytes per block of 64 KiB (2 MiB for a file of 16 GiB).
 */
export class BlobHasher {
  readonly #sha256 = createHash("sha256");
  readonly #blockCrcs: number[] = [];
  /** Of all closed blocks. */
  #closedCrc = 0;
  #openBlockCrc = 0;
  #size = 0;

  /** Bytes so far. */
  get size(): number {
    return this.#size;
  }

  update(data: Uint8Array): void {
    this.#sha256.update(data);
    for (let at = 0; at < data.length;) {
      const room = BLOCK_BYTES - (this.#size % BLOCK_BYTES);
      const piece = data.subarray(at, at + room);
      this.#openBlockCrc = crc32c(piece, this.#openBlockCrc);
      this.#size += piece.length;
      at += piece.length;
      if (this.#size % BLOCK_BYTES === 0) this.#closeBlock();
    }
  }

  /** Digests of what came so far. More may follow. */
  digest(): BlobDigest {
    const crc32c = combineCrc32c(this.#closedCrc, this.#openBlockCrc, this.#size % BLOCK_BYTES);
    return { size: this.#size, sha256: this.#sha256.copy().digest("hex"), crc32c };
  }

  /** Checksum of every block so far, the last one perhaps short. */
  blockCrcs(): readonly number[] {
    return this.#size % BLOCK_BYTES === 0 ? this.#blockCrcs : [...this.#blockCrcs, this.#openBlockCrc];
  }

  #closeBlock(): void {
    this.#blockCrcs.push(this.#openBlockCrc);
    this.#closedCrc = combineCrc32c(this.#closedCrc, this.#openBlockCrc, BLOCK_BYTES);
    this.#openBlockCrc = 0;
  }
}
