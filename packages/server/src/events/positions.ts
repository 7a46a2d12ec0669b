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

/** The block, and the block under the cipher. */
const TOKEN_BYTES = 2 * BLOCK_BYTES;

/** Characters of a token. */
export const TOKEN_CHARS: number = Math.ceil((TOKEN_BYTES * 4) / 3);

const BASE64URL = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

/** Positions that are made together when they are asked for in turn: one call of the cipher costs as much as many blocks. */
const BATCH = 64;

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
  /** Blocks of this epoch, but for their sequences. */
  readonly #blocks: Buffer = Buffer.alloc(BATCH * BLOCK_BYTES);
  /** Tokens of sequences in turn. */
  readonly #made: Buffer = Buffer.alloc(BATCH * TOKEN_BYTES);
  #firstMade = 0;
  #countMade = 0;
  #lastAsked = -1;

  constructor(signer: TokenSigner, clusterId: string, epoch: string) {
    this.#epoch = epoch;
    const key = signer.keyFor(`positions in the log of ${clusterId}`).subarray(0, BLOCK_BYTES);
    this.#cipher = createCipheriv("aes-128-ecb", key, null); // one block each time: no mode is involved
    for (let at = 0; at < this.#blocks.length; at += BLOCK_BYTES) {
      this.#blocks[at] = VERSION;
      tagOf(epoch).copy(this.#blocks, at + EPOCH_AT);
    }
  }

  /** The position right after `sequence`. */
  tokenAfter(sequence: number): string {
    const at = this.#madeAt(sequence);
    return this.#made.toString("base64url", at, at + TOKEN_BYTES);
  }

  /** Writes the same, {@link TOKEN_CHARS} bytes, into `target`. */
  writeTokenAfter(sequence: number, target: Uint8Array, start: number): void {
    const from = this.#madeAt(sequence);
    let to = start;
    for (let at = from; at < from + TOKEN_BYTES; at += 3) {
      const isLast = at + 3 > from + TOKEN_BYTES; // two bytes are left, and make three characters
      const bits = (this.#byte(at) << 16) | (this.#byte(at + 1) << 8) | (isLast ? 0 : this.#byte(at + 2));
      target[to++] = BASE64URL[bits >> 18] as number;
      target[to++] = BASE64URL[(bits >> 12) & 0x3f] as number;
      target[to++] = BASE64URL[(bits >> 6) & 0x3f] as number;
      if (!isLast) target[to++] = BASE64URL[bits & 0x3f] as number;
    }
  }

  /** Where the token is among those that were made. */
  #madeAt(sequence: number): number {
    const isMade = sequence >= this.#firstMade && sequence < this.#firstMade + this.#countMade;
    if (!isMade) this.#make(sequence, sequence === this.#lastAsked + 1 ? BATCH : 1);
    this.#lastAsked = sequence;
    return (sequence - this.#firstMade) * TOKEN_BYTES;
  }

  #byte(at: number): number {
    return this.#made[at] as number;
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
    if (!block.subarray(0, SEQUENCE_AT).equals(this.#blocks.subarray(0, SEQUENCE_AT))) throw epochChanged(this.#epoch);
    return readSequence(block);
  }

  #make(first: number, count: number): void {
    const blocks = this.#blocks.subarray(0, count * BLOCK_BYTES);
    for (let n = 0; n < count; n += 1) writeSequence(blocks, n * BLOCK_BYTES + SEQUENCE_AT, first + n);
    const encrypted = this.#cipher.update(blocks);
    for (let at = 0; at < blocks.length; at += BLOCK_BYTES) {
      blocks.copy(this.#made, 2 * at, at, at + BLOCK_BYTES);
      encrypted.copy(this.#made, 2 * at + BLOCK_BYTES, at, at + BLOCK_BYTES);
    }
    this.#firstMade = first;
    this.#countMade = count;
  }
}

function tagOf(epoch: string): Buffer {
  return createHash("sha256")
    .update(epoch)
    .digest()
    .subarray(0, SEQUENCE_AT - EPOCH_AT);
}

/** Buffer's own methods end at 6 bytes, 2^48; sequences end at 2^53. */
function writeSequence(target: Buffer, at: number, sequence: number): void {
  target[at] = Math.floor(sequence / 2 ** 48);
  target.writeUIntBE(sequence % 2 ** 48, at + 1, SEQUENCE_BYTES - 1);
}

function readSequence(block: Buffer): number {
  return (block[SEQUENCE_AT] ?? 0) * 2 ** 48 + block.readUIntBE(SEQUENCE_AT + 1, SEQUENCE_BYTES - 1);
}

function epochChanged(epoch: string): ServiceError {
  return new ServiceError("EPOCH_CHANGED", "the log was built anew; start over", { metadata: { epoch } });
}
