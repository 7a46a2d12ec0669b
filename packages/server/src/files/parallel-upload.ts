import { invalidField, MAX_PARTS } from "@millrace/shared-types";

import type { StagedBlob } from "../ports/blob-store.js";

import type { ByteSpan } from "./byte-spans.js";
import { coveredFrom, mergeSpan } from "./byte-spans.js";
import { Committer } from "./committer.js";
import { limitExceeded } from "./file-draft.js";
import type { FilesDeps } from "./files-deps.js";
import type { Versioned } from "../records/json-records.js";
import type { UploadRecord } from "./upload-record.js";
import { committedSize, uploadPreempted } from "./upload-record.js";
import { changeUpload } from "./upload-sessions.js";
import type { OnCommit, UploadTarget } from "./upload-target.js";
import { offsetMismatch, TotalSize } from "./upload-target.js";

/** One part: a little sequential upload of its own. */
interface Part {
  readonly start: number;
  /** One past the last byte that is written. */
  written: number;
  /** The stream that writes it: the newest that came to it. */
  holder: object | undefined;
  /** The write under way; never rejects. */
  writing: Promise<void>;
}

/**
 * A parallel session: any number of streams, each writing parts in any order, and within a part from
 * its start. Memory: a few words per part (at most 10,000), and one chunk per stream.
 */
export class ParallelUpload {
  readonly #deps: FilesDeps;
  readonly #staged: StagedBlob;
  readonly #committer: Committer;
  readonly #parts = new Map<number, Part>();
  readonly #streams = new Set<PartStream>();
  readonly total: TotalSize;
  #upload: Versioned<UploadRecord>;
  #failure: { readonly error: unknown } | undefined;

  constructor(deps: FilesDeps, upload: Versioned<UploadRecord>, staged: StagedBlob) {
    this.#deps = deps;
    this.#upload = upload;
    this.#staged = staged;
    this.total = new TotalSize(upload.value.totalSize, deps.limits.maxFileBytes);
    this.#committer = new Committer(() => this.#commit().catch(this.#fail), deps.clock);
  }

  get uploadId(): string {
    return this.#upload.value.uploadId;
  }

  get committedSize(): number {
    return committedSize(this.#upload.value);
  }

  /** A stream begins to write. Dispose of the target when it ends: the last one closes the session's file. */
  join(onCommit: OnCommit): UploadTarget {
    const stream = new PartStream(this, onCommit);
    this.#streams.add(stream);
    return stream;
  }

  async leave(stream: PartStream): Promise<void> {
    if (!this.#streams.delete(stream)) return;
    if (this.#streams.size > 0) return;
    this.#deps.parallel.remove(this);
    await this.#committer.close();
    await this.#staged[Symbol.asyncDispose]();
  }

  /** Writes content of one part for `stream`. */
  async write(stream: PartStream, offset: number, content: Uint8Array): Promise<void> {
    const part = this.#partAt(offset, content.length);
    stream.enter(part);
    await part.writing; // of this stream, or the last one of an earlier holder
    if (this.#failure !== undefined) throw this.#failure.error;
    if (part.holder !== stream) throw uploadPreempted();
    if (offset > part.written) throw offsetMismatch(offset, coveredFrom(this.#upload.value.spans, part.start));
    const fresh = content.subarray(Math.min(content.length, part.written - offset));
    if (fresh.length === 0) return;
    const start = part.written;
    const writing = this.#staged.write(start, fresh).then(() => {
      part.written = start + fresh.length;
    }, this.#fail);
    part.writing = writing.catch(() => {});
    await writing;
    this.#committer.wrote(fresh.length);
  }

  flush(): Promise<void> {
    return this.#committer.flush();
  }

  #partAt(offset: number, length: number): Part {
    const { partSize, spans } = this.#upload.value;
    const index = Math.floor(offset / partSize);
    checkPartNumber(index);
    const start = index * partSize;
    if (offset + length > start + partSize) {
      throw invalidField("offset", `the chunk crosses the end of part ${String(index)}, of ${String(partSize)} bytes`);
    }
    const known = this.#parts.get(index);
    if (known !== undefined) return known;
    const written = Math.min(coveredFrom(spans, start), start + partSize);
    const part: Part = { start, written, holder: undefined, writing: Promise.resolve() };
    this.#parts.set(index, part);
    return part;
  }

  /** The next stream opens the session anew; those that write now hear of the failure as they go on. */
  readonly #fail = (error: unknown): never => {
    this.#failure ??= { error };
    this.#deps.parallel.remove(this);
    throw error;
  };

  async #commit(): Promise<void> {
    const spans = this.#writtenSpans();
    const totalSize = this.total.value;
    await this.#staged.sync();
    this.#upload = await changeUpload(this.#deps.records, this.#upload, {
      spans,
      totalSize,
      expiresAt: this.#deps.clock.now() + this.#deps.limits.uploadTtlMs,
    });
    for (const stream of this.#streams) stream.onCommit(this.committedSize);
  }

  #writtenSpans(): readonly ByteSpan[] {
    let { spans } = this.#upload.value;
    for (const { start, written } of this.#parts.values()) {
      if (coveredFrom(spans, start) < written) spans = mergeSpan(spans, [start, written]);
    }
    return spans;
  }
}

/** One stream's way into a parallel session. */
class PartStream implements UploadTarget {
  readonly #upload: ParallelUpload;
  readonly #entered = new Set<Part>();
  readonly onCommit: OnCommit;

  constructor(upload: ParallelUpload, onCommit: OnCommit) {
    this.#upload = upload;
    this.onCommit = onCommit;
  }

  get uploadId(): string {
    return this.#upload.uploadId;
  }

  get committedSize(): number {
    return this.#upload.committedSize;
  }

  /** Makes this stream the holder of a part, once: a holder that was replaced stays out. */
  enter(part: Part): void {
    if (!this.#entered.has(part)) {
      this.#entered.add(part);
      part.holder = this;
    }
    if (part.holder !== this) throw uploadPreempted();
  }

  async write(offset: number, content: Uint8Array): Promise<void> {
    if (content.length > 0) await this.#upload.write(this, offset, content);
  }

  flush(): Promise<void> {
    return this.#upload.flush();
  }

  /** Other parts may be missing: FinishUpload publishes. */
  async finish(): Promise<undefined> {
    await this.flush();
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.flush();
    } catch {
      // The session was taken, or its disk failed: its other streams say so.
    } finally {
      await this.#upload.leave(this);
    }
  }
}

/** Bounds the memory of a session. @throws ServiceError `LIMIT_EXCEEDED` if a part number is too high */
function checkPartNumber(index: number): void {
  if (index >= MAX_PARTS) throw limitExceeded("max_parts", MAX_PARTS, index + 1);
}
