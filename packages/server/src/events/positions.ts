import { type Cipheriv, createCipheriv, createHash, timingSafeEqual } from "node:crypto";

import type { TokenSigner } from "@millrace/shared-types";
import { ServiceError } from "@millrace/shared-types";

/** First byte of a position. */
const VERSION = 1;

/** What a position says: version, tag of the epoch, sequence. One block of the cipher. */
const BLOCK_BYTES = 16;
const EPOCH_AT = 1;
const SEQUENCE_AT = 9;
const SEQUENCE_BYTES = 7;

/**
 * Positions in the log as clients keep them: of this log alone, good for any selection of events, and refused
 * if anything in them was changed. Every event that is sent has one, so they are made for speed: base64url of
 * one block and of the same block under AES-128 (a permutation that nobody without the key can compute, which
 * is all that authenticates a message of exactly one block). That is five times as fast as an HMAC, and a third
 * of the text of a general token.
 */
export class Positions {
  readonly #epoch: string;
  readonly #cipher: Cipheriv;
  /** The block of this epoch, but for the sequence. */
  readonly #block: Buffer;

  constructor(signer: TokenSigner, clusterId: string, epoch: string) {
    this.#epoch = epoch;
    const key = signer.keyFor(`positions in the log of ${clusterId}`).subarray(0, BLOCK_BYTES);
    this.#cipher = createCipheriv("aes-128-ecb", key, null); // one block each time: no mode is involved
    this.#block = Buffer.alloc(BLOCK_BYTES);
    this.#block[0] = VERSION;
    tagOf(epoch).copy(this.#block, EPOCH_AT);
  }

  /** The position right after `sequence`. */
  tokenAfter(sequence: number): string {
    const token = Buffer.allocUnsafe(2 * BLOCK_BYTES);
    this.#block.copy(token);
    writeSequence(token, sequence);
    this.#cipher.update(token.subarray(0, BLOCK_BYTES)).copy(token, BLOCK_BYTES);
    return token.toString("base64url");
  }

  /**
   * The sequence after which `token` stands.
   *
   * @throws ServiceError `INVALID_CURSOR` if it is damaged or of something else, `EPOCH_CHANGED` if of an earlier log
   */
  sequenceOf(token: string): number {
    const bytes = token.length <= 4 * BLOCK_BYTES ? Buffer.from(token, "base64url") : Buffer.alloc(0);
    // The decoder skips characters that are not base64url and ignores spare bits: only one spelling counts.
    const intact = bytes.length === 2 * BLOCK_BYTES && bytes.toString("base64url") === token;
    const block = bytes.subarray(0, BLOCK_BYTES);
    if (!intact || !timingSafeEqual(this.#cipher.update(block), bytes.subarray(BLOCK_BYTES)) || block[0] !== VERSION) {
      throw new ServiceError("INVALID_CURSOR", "the token cannot be used: it is damaged, or not of this log");
    }
    if (!block.subarray(0, SEQUENCE_AT).equals(this.#block.subarray(0, SEQUENCE_AT))) throw epochChanged(this.#epoch);
    return readSequence(block);
  }
}

function tagOf(epoch: string): Buffer {
  return createHash("sha256")
    .update(epoch)
    .digest()
    .subarray(0, SEQUENCE_AT - EPOCH_AT);
}

/** Buffer's own methods end at 6 bytes, 2^48; sequences end at 2^53. */
function writeSequence(target: Buffer, sequence: number): void {
  target[SEQUENCE_AT] = Math.floor(sequence / 2 ** 48);
  target.writeUIntBE(sequence % 2 ** 48, SEQUENCE_AT + 1, SEQUENCE_BYTES - 1);
}

function readSequence(block: Buffer): number {
  return (block[SEQUENCE_AT] ?? 0) * 2 ** 48 + block.readUIntBE(SEQUENCE_AT + 1, SEQUENCE_BYTES - 1);
}

function epochChanged(epoch: string): ServiceError {
  return new ServiceError("EPOCH_CHANGED", "the log was built anew; start over", { metadata: { epoch } });
}
