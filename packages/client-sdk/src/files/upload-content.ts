import { createHash } from "node:crypto";

import { chunksOf } from "./chunks-of.js";
import { type ByteSource, SourceChangedError } from "./upload-source.js";

/**
 * The content of an upload, in chunks that can be asked for again until they are released.
 * Reads the source once and hashes each byte once, so any source can be resumed; what it keeps
 * for that is what was read and not yet released.
 */
export class UploadContent {
  readonly #chunkBytes: number;
  readonly #declaredBytes: number | undefined;
  readonly #chunks: AsyncIterator<Uint8Array, undefined, undefined>;
  readonly #hash = createHash("sha256");
  /** By their number in the file: all chunks have the same size, the last one excepted. */
  readonly #kept = new Map<number, Uint8Array>();
  #releasedBytes = 0;
  #readBytes = 0;
  #sha256: string | undefined;
  /** The read under way, or the one that failed: its failure is final. */
  #reading: Promise<void> | undefined;

  /** @param declaredBytes fails the upload if the source has another size */
  constructor(source: ByteSource, chunkBytes: number, declaredBytes: number | undefined) {
    this.#chunkBytes = chunkBytes;
    this.#declaredBytes = declaredBytes;
    this.#chunks = chunksOf(source.read(), chunkBytes);
  }

  /** Size of everything: what was declared, or what was found at the end. */
  get sizeBytes(): number | undefined {
    return this.#declaredBytes ?? (this.#sha256 === undefined ? undefined : this.#readBytes);
  }

  /** SHA-256 of everything; `undefined` until the end was read. */
  get sha256(): string | undefined {
    return this.#sha256;
  }

  /**
   * Bytes that start at `position`, up to the end of their chunk; `undefined` at the end of the
   * content. May be called again while a call is pending that nobody waits for any more.
   *
   * @throws {SourceChangedError} if the source has not as many bytes as declared
   */
  async at(position: number): Promise<Uint8Array | undefined> {
    const index = Math.floor(position / this.#chunkBytes);
    for (;;) {
      const rest = this.#kept.get(index)?.subarray(position % this.#chunkBytes);
      if (rest !== undefined && rest.byteLength > 0) return rest;
      if (this.#sha256 !== undefined) return this.#endAt(position);
      await (this.#reading ??= this.#readChunk());
    }
  }

  /** Frees the bytes before `position`: they will not be asked for again. */
  release(position: number): void {
    this.#releasedBytes = position;
    for (const index of this.#kept.keys()) {
      if ((index + 1) * this.#chunkBytes > position) return;
      this.#kept.delete(index);
    }
  }

  /** Stops reading. A source that never gives its pending piece is not waited for. */
  close(): void {
    this.#kept.clear();
    this.#chunks.return?.().catch(() => {});
  }

  #endAt(position: number): undefined {
    if (position > this.#readBytes) {
      throw new SourceChangedError(
        `the source has only ${String(this.#readBytes)} bytes, but ${String(position)} are on the server already`,
      );
    }
  }

  async #readChunk(): Promise<void> {
    const { done, value: chunk } = await this.#chunks.next();
    const sizeBytes = this.#readBytes + (chunk?.byteLength ?? 0);
    this.#checkSize(sizeBytes, done === true);
    if (chunk === undefined) {
      this.#sha256 = this.#hash.digest("hex");
    } else {
      this.#hash.update(chunk);
      if (sizeBytes > this.#releasedBytes) this.#kept.set(Math.floor(this.#readBytes / this.#chunkBytes), chunk);
      this.#readBytes = sizeBytes;
    }
    this.#reading = undefined;
  }

  #checkSize(sizeBytes: number, isWhole: boolean): void {
    const declared = this.#declaredBytes;
    if (declared === undefined || (isWhole ? sizeBytes === declared : sizeBytes <= declared)) return;
    throw new SourceChangedError(
      `the source has ${isWhole ? "only" : "at least"} ${String(sizeBytes)} bytes, not ${String(declared)}`,
    );
  }
}
