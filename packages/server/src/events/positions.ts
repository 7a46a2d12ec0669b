import { type Cipheriv, createCipheriv, createHash, timingSafeEqual } from "node:crypto";

import type { TokenSigner } from "@millrace/shared-types";
import { ServiceError } from "@millrace/shared-types";

import { viewOf } from "../wire/view-of.js";

/** First byte of a position. */
const VERSION = 1;

/** What a position says: version, tag of the epoch, sequence. One block of the cipher. */
const BLOCK_BYTES = 16;
const EPOCH_AT = 1;
const SEQUENCE_AT = 9;
const SEQUENCE_BYTES = 7;

/** Blocks are copied by words of this size. */
const WORD_BYTES = 4;

/** The block, and the block under the cipher. */
const TOKEN_BYTES = 2 * BLOCK_BYTES;

/** Characters of a token. */
export const TOKEN_CHARS: number = Math.ceil((TOKEN_BYTES * 4) / 3);

const BASE64URL = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

/** Positions of so many sequences in turn are made together: one call of the cipher costs as much as many blocks. */
const BATCH = 64;

/** Batches that are kept: readers of different selections ask for positions that are near each other. */
const KEPT_BATCHES = 256;

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
  readonly #blocksView: DataView = viewOf(this.#blocks);
  /** Tokens of {@link KEPT_BATCHES} batches, and behind them one that is alone. */
  readonly #made: Buffer = Buffer.alloc((KEPT_BATCHES * BATCH + 1) * TOKEN_BYTES);
  readonly #madeView: DataView = viewOf(this.#made);
  /** The batch that is kept at each place. */
  readonly #kept = new Array<number>(KEPT_BATCHES).fill(-1);
  /** The one that was used last: its first sequence, and where it is. */
  readonly #latest = { first: -BATCH, at: 0 };
  /** The batch of which a position was asked for last, at each place: not made yet, it might be the only one. */
  readonly #asked = new Array<number>(KEPT_BATCHES).fill(-1);

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
    const { first, at } = this.#latest;
    const index = sequence - first;
    return index >= 0 && index < BATCH ? at + index * TOKEN_BYTES : this.#findOrMake(sequence);
  }

  #findOrMake(sequence: number): number {
    const batch = Math.floor(sequence / BATCH);
    const place = batch % KEPT_BATCHES;
    if (this.#kept[place] !== batch) {
      const isInTurn = sequence === this.#latest.first + BATCH;
      if (!isInTurn && this.#asked[place] !== batch) {
        this.#asked[place] = batch;
        return this.#make(sequence, 1, KEPT_BATCHES * BATCH);
      }
      this.#make(batch * BATCH, BATCH, place * BATCH);
      this.#kept[place] = batch;
    }
    this.#latest.first = batch * BATCH;
    this.#latest.at = place * BATCH * TOKEN_BYTES;
    return this.#madeAt(sequence);
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

  /** Makes the tokens of `count` sequences at the place `index`, counted in tokens. Returns where they are. */
  #make(first: number, count: number, index: number): number {
    const blocks = this.#blocks.subarray(0, count * BLOCK_BYTES);
    for (let n = 0; n < count; n += 1) writeSequence(blocks, n * BLOCK_BYTES + SEQUENCE_AT, first + n);
    const encrypted = this.#cipher.update(blocks);
    const start = index * TOKEN_BYTES;
    scatterBlocks(this.#blocksView, blocks.length, this.#madeView, start);
    scatterBlocks(viewOf(encrypted), blocks.length, this.#madeView, start + BLOCK_BYTES);
    return start;
  }
}

function tagOf(epoch: string): Buffer {
  return createHash("sha256")
    .update(epoch)
    .digest()
    .subarray(0, SEQUENCE_AT - EPOCH_AT);
}

/** Copies blocks to every other place of a block, from `start` on. */
function scatterBlocks(source: DataView, bytes: number, target: DataView, start: number): void {
  for (let at = 0; at < bytes; at += WORD_BYTES) {
    const block = at - (at % BLOCK_BYTES);
    target.setInt32(start + block + at, source.getInt32(at));
  }
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
