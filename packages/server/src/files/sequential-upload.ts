import type { BlobDigest, StagedBlob } from "../ports/blob-store.js";

import { Committer } from "./committer.js";
import { completedMeanwhile, completeUpload } from "./complete-upload.js";
import type { ExpectedChecksums } from "./file-draft.js";
import type { FilesDeps } from "./files-deps.js";
import type { Versioned } from "../records/json-records.js";
import type { Published } from "./publish-file.js";
import type { Prefix } from "./sequential-writer.js";
import { SequentialWriter } from "./sequential-writer.js";
import type { UploadRecord } from "./upload-record.js";
import { committedSize } from "./upload-record.js";
import { changeUpload } from "./upload-sessions.js";
import type { OnCommit, TotalSize, UploadTarget } from "./upload-target.js";
import { offsetMismatch } from "./upload-target.js";

/** A sequential session, held by one stream: whoever takes it next ends this holder. */
export class SequentialUpload implements UploadTarget {
  readonly #deps: FilesDeps;
  readonly #staged: StagedBlob;
  readonly #writer: SequentialWriter;
  readonly #committer: Committer;
  readonly #total: TotalSize;
  readonly #onCommit: OnCommit;
  #upload: Versioned<UploadRecord>;
  #ended = false;

  /** `staged` holds exactly the committed bytes. */
  constructor(
    deps: FilesDeps,
    upload: Versioned<UploadRecord>,
    staged: StagedBlob,
    { total, onCommit }: { readonly total: TotalSize; readonly onCommit: OnCommit },
  ) {
    this.#deps = deps;
    this.#upload = upload;
    this.#staged = staged;
    this.#total = total;
    this.#onCommit = onCommit;
    this.#writer = new SequentialWriter(staged, committedPrefix(upload.value));
    this.#committer = new Committer(() => this.#commit(), deps.clock);
  }

  get uploadId(): string {
    return this.#upload.value.uploadId;
  }

  get committedSize(): number {
    return committedSize(this.#upload.value);
  }

  async write(offset: number, content: Uint8Array, checkedCrc32c?: number): Promise<void> {
    if (offset > this.#writer.received.size) {
      await this.flush();
      throw offsetMismatch(offset, this.committedSize);
    }
    this.#committer.wrote(await this.#writer.write(offset, content, checkedCrc32c));
  }

  async flush(): Promise<void> {
    await this.#writer.settle();
    await this.#committer.flush();
  }

  async finish(expected: readonly ExpectedChecksums[], signal: AbortSignal): Promise<Published> {
    await this.flush();
    this.#total.checkEnd(this.committedSize, this.committedSize);
    try {
      const digest = await this.#staged.digest(this.committedSize, { signal });
      this.#ended = true; // nothing is left to commit, however this goes on
      return await this.#complete(digest, expected);
    } catch (error) {
      const { owner } = this.#upload.value;
      return completedMeanwhile(this.#deps, this.uploadId, { owner, nowMs: this.#deps.clock.now() }, error);
    }
  }

  /** Under the session's lock: who opens the session meanwhile would find it half published. */
  #complete(digest: BlobDigest, expected: readonly ExpectedChecksums[]): Promise<Published> {
    return this.#deps.locks.uploads.run(this.uploadId, () =>
      completeUpload(this.#deps, this.#upload, this.#staged, digest, expected),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (!this.#ended) await this.#committer.flush();
    } catch (error) {
      this.#deps.log.debug({ err: error }, "the last bytes of an upload stream were not kept");
    } finally {
      await this.#committer.close();
      await this.#staged[Symbol.asyncDispose]();
    }
  }

  /** Bytes first, then the record that says that they are there. */
  async #commit(): Promise<void> {
    await this.#writer.settle().catch(() => {}); // a failed write ends the stream; what came before it counts
    const { size, crc32c } = this.#writer.written;
    const totalSize = this.#total.value;
    const { value } = this.#upload;
    if (size === committedSize(value) && totalSize === value.totalSize) return;
    await this.#staged.sync();
    this.#upload = await changeUpload(this.#deps.records, this.#upload, {
      spans: size === 0 ? [] : [[0, size]],
      committedCrc32c: crc32c,
      totalSize,
      expiresAt: this.#deps.clock.now() + this.#deps.limits.uploadTtlMs,
    });
    this.#onCommit(this.committedSize);
  }
}

function committedPrefix(upload: UploadRecord): Prefix {
  return { size: committedSize(upload), crc32c: upload.committedCrc32c };
}
