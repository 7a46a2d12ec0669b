/** Digests of a whole blob. */
export interface BlobDigest {
  /** Bytes of the blob. */
  readonly size: number;
  /** SHA-256 in lower-case hexadecimal: the name of the blob in the store. */
  readonly sha256: string;
  /** CRC32C (Castagnoli), unsigned. */
  readonly crc32c: number;
}

/** A half-open range of bytes. */
export interface BlobRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Bytes on their way to become a blob. Nobody can read them as a blob before `publish`.
 * One writer at a time per staging id: whoever opens it again takes it over, and writes of
 * the earlier holder fail from then on.
 */
export interface StagedBlob extends AsyncDisposable {
  /**
   * Writes `content` at `offset`. Durable only after `sync`. Does not keep `content`.
   * Writes of separate ranges may run at the same time.
   *
   * @throws ServiceError `QUOTA_EXCEEDED` if the disk is full, `UPLOAD_PREEMPTED` if taken over
   */
  write(offset: number, content: Uint8Array): Promise<void>;

  /** Makes all bytes whose `write` has resolved durable. A failed sync is never retried: the staged blob is then unusable. */
  sync(): Promise<void>;

  /**
   * Drops the bytes at and after `size`.
   *
   * @throws ServiceError `CORRUPT_DATA` if fewer bytes are staged
   */
  truncate(size: number): Promise<void>;

  /**
   * Digests of the first `size` bytes. Cheap when they were written in order through this
   * object; otherwise reads them back once.
   *
   * @throws ServiceError `CORRUPT_DATA` if fewer bytes are staged
   */
  digest(size: number, options: { readonly signal: AbortSignal }): Promise<BlobDigest>;

  /**
   * Makes the first `digest.size` staged bytes a blob that is readable under `digest.sha256`,
   * atomically and durably, and ends the staging. If that blob exists already, the content is
   * stored only once. `digest` is what {@link digest} of this object returned last.
   */
  publish(digest: BlobDigest): Promise<{ readonly deduplicated: boolean }>;

  /** Gives back the descriptor. The staged bytes stay. Idempotent. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Where the bytes of files live: staged while they arrive, then immutable and named by their content. */
export interface BlobStore extends AsyncDisposable {
  /** Opens the staged bytes of `stagingId`, empty if there are none. Ids are 1 to 64 of a-z and 0-9. */
  stage(stagingId: string): Promise<StagedBlob>;

  /** Drops staged bytes. Idempotent; also takes over from a holder. */
  discard(stagingId: string): Promise<void>;

  /** Ids that have staged bytes. */
  listStaged(): Promise<readonly string[]>;

  /** Bytes that all staged blobs occupy. */
  stagedBytes(): Promise<number>;

  /** Whether there is a blob with this content, durably. */
  has(sha256: string): Promise<boolean>;

  /**
   * Bytes of a blob in order, in pieces of at most `chunkBytes`. A piece is valid until the next one is
   * asked for: copy what is kept. Every piece has been checked
   * against the checksums of its blocks. Goes on if the blob is deleted meanwhile.
   *
   * The part of `range` beyond the end of the blob is ignored. Reads ahead by one piece at most.
   *
   * @throws ServiceError `RESOURCE_NOT_FOUND` if there is no such blob, `CORRUPT_DATA` if stored
   *   bytes no longer match their checksum, the reason of `signal` once it aborts
   */
  read(
    sha256: string,
    range: BlobRange,
    options: { readonly chunkBytes: number; readonly signal: AbortSignal },
  ): AsyncGenerator<Uint8Array, void, undefined>;

  /** Deletes a blob. Idempotent. */
  delete(sha256: string): Promise<void>;

  /** Content hashes of all blobs, in pages of ascending order after `after`. */
  list(options: { readonly after?: string; readonly limit: number }): Promise<readonly string[]>;

  [Symbol.asyncDispose](): Promise<void>;
}
