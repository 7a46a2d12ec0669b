import { createHash } from "node:crypto";

import { crc32c, resourceNotFound, ServiceError } from "@millrace/shared-types";

import type { BlobDigest, BlobRange, BlobStore, StagedBlob } from "../../ports/blob-store.js";

/** Blobs in memory, gone when the process ends: for tests and for servers that keep nothing. */
export class MemoryBlobStore implements BlobStore {
  readonly #blobs = new Map<string, Uint8Array>();
  readonly #staged = new Map<string, MemoryStagedBlob>();

  async stage(stagingId: string): Promise<StagedBlob> {
    const holder = this.#staged.get(stagingId);
    const staged = new MemoryStagedBlob(holder?.preempt() ?? new Uint8Array(), (digest, content) => {
      this.#staged.delete(stagingId);
      const deduplicated = this.#blobs.has(digest.sha256);
      if (!deduplicated) this.#blobs.set(digest.sha256, content);
      return { deduplicated };
    });
    this.#staged.set(stagingId, staged);
    return staged;
  }

  async discard(stagingId: string): Promise<void> {
    this.#staged.get(stagingId)?.preempt();
    this.#staged.delete(stagingId);
  }

  async listStaged(): Promise<readonly string[]> {
    return [...this.#staged.keys()];
  }

  async stagedBytes(): Promise<number> {
    return [...this.#staged.values()].reduce((sum, staged) => sum + staged.size, 0);
  }

  async has(sha256: string): Promise<boolean> {
    return this.#blobs.has(sha256);
  }

  async *read(
    sha256: string,
    range: BlobRange,
    { chunkBytes, signal }: { readonly chunkBytes: number; readonly signal: AbortSignal },
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const blob = this.#blobs.get(sha256);
    if (blob === undefined) throw resourceNotFound("blob", sha256);
    const end = Math.min(range.end, blob.length);
    for (let at = range.start; at < end; at += chunkBytes) {
      signal.throwIfAborted();
      yield blob.slice(at, Math.min(at + chunkBytes, end));
    }
  }

  async delete(sha256: string): Promise<void> {
    this.#blobs.delete(sha256);
  }

  async list({ after = "", limit }: { readonly after?: string; readonly limit: number }): Promise<readonly string[]> {
    return [...this.#blobs.keys()]
      .filter((sha256) => sha256 > after)
      .sort()
      .slice(0, limit);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const staged of this.#staged.values()) staged.preempt();
  }
}

type Publish = (digest: BlobDigest, content: Uint8Array) => { readonly deduplicated: boolean };

class MemoryStagedBlob implements StagedBlob {
  #content: Uint8Array;
  #size: number;
  #preempted = false;
  readonly #publish: Publish;

  constructor(content: Uint8Array, publish: Publish) {
    this.#content = content;
    this.#size = content.length;
    this.#publish = publish;
  }

  get size(): number {
    return this.#size;
  }

  /** Ends this holder; returns the bytes for the next one. */
  preempt(): Uint8Array {
    this.#preempted = true;
    return this.#content.subarray(0, this.#size);
  }

  async write(offset: number, content: Uint8Array): Promise<void> {
    this.#checkHeld();
    const end = offset + content.length;
    this.#reserve(end);
    this.#content.set(content, offset);
    this.#size = Math.max(this.#size, end);
  }

  async sync(): Promise<void> {
    this.#checkHeld();
  }

  async truncate(size: number): Promise<void> {
    this.#checkHeld();
    this.#checkSize(size);
    this.#content.fill(0, size, this.#size);
    this.#size = size;
  }

  async digest(size: number, { signal }: { readonly signal: AbortSignal }): Promise<BlobDigest> {
    this.#checkHeld();
    signal.throwIfAborted();
    this.#checkSize(size);
    const content = this.#content.subarray(0, size);
    return { size, sha256: createHash("sha256").update(content).digest("hex"), crc32c: crc32c(content) };
  }

  async publish(digest: BlobDigest): Promise<{ readonly deduplicated: boolean }> {
    this.#checkHeld();
    this.#preempted = true;
    return this.#publish(digest, this.#content.slice(0, digest.size));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#preempted = true;
  }

  #reserve(end: number): void {
    if (end <= this.#content.length) return;
    const grown = new Uint8Array(Math.max(end, 2 * this.#content.length));
    grown.set(this.#content.subarray(0, this.#size));
    this.#content = grown;
  }

  #checkSize(size: number): void {
    if (size <= this.#size) return;
    throw new ServiceError("CORRUPT_DATA", `${String(this.#size)} bytes are staged, not ${String(size)}`, {
      metadata: { offset: this.#size },
    });
  }

  #checkHeld(): void {
    if (this.#preempted) throw new ServiceError("UPLOAD_PREEMPTED", "another stream took over this upload");
  }
}
