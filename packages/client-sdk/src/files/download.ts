import { type FileChunk, StreamingServiceDefinition } from "@millrace/shared-types";

import { StreamingError } from "../errors.js";
import { deferred } from "../rpc/deferred.js";
import { handled } from "../rpc/handled.js";
import { PullIterator } from "../rpc/pull-iterator.js";
import { resumableStream } from "../rpc/resumable-stream.js";
import type { ResumableStream, ServerStream, StreamEnd } from "../rpc/streams.js";
import type { HeaderMap } from "../rpc/transport.js";
import { checkDownloadOptions } from "./check-file-options.js";
import { DownloadCheck } from "./download-check.js";
import { present, toFileInfo } from "./file-info.js";
import type { FilesDeps } from "./files-api.js";
import type { Download, DownloadOptions, FileChunkView, FileInfo } from "./types.js";

const DEFAULT_CHUNK_BYTES = 256 * 1024;

/** Streams a file or a part of it. See {@link FilesApi.download}. */
export function download(deps: FilesDeps, fileId: string, options: DownloadOptions = {}): Download {
  checkDownloadOptions(options);
  return openDownload(deps, fileId, options);
}

/** The same for downloads that are part of something else, which has checked its options. */
export function openDownload(deps: FilesDeps, fileId: string, options: DownloadOptions): Download {
  return new FileDownload(deps, fileId, options);
}

class FileDownload implements Download {
  readonly closed: Promise<StreamEnd>;
  readonly #deps: FilesDeps;
  readonly #fileId: string;
  readonly #options: DownloadOptions;
  readonly #end: number;
  /** Checks the whole by its SHA-256; without it, each chunk by its CRC32C. */
  readonly #isHashed: boolean;
  readonly #check: DownloadCheck;
  readonly #chunks: ResumableStream<FileChunk, number>;
  readonly #items: AsyncIterator<FileChunk, undefined, undefined>;
  readonly #iterator: PullIterator<FileChunkView>;
  readonly #closed = deferred<StreamEnd>();
  readonly #found = deferred<FileInfo>();
  readonly #info: Promise<FileInfo>;
  #file: FileInfo | undefined;
  /** Fetched by whoever comes first, the consumer or `info`; taken by the consumer. */
  #first: Promise<FileChunk | undefined> | undefined;
  #isFirstTaken = false;
  #isTaken = false;

  constructor(deps: FilesDeps, fileId: string, options: DownloadOptions) {
    const { start = 0, end = Infinity, verify = true, resume: policy, signal } = options;
    assertRange(start, end);
    this.#deps = deps;
    this.#fileId = fileId;
    this.#options = options;
    this.#end = end;
    this.#isHashed = verify && start === 0 && end === Infinity;
    this.#check = new DownloadCheck(start, end, this.#isHashed);
    this.#chunks = resumableStream<FileChunk, number>({
      open: (position = start) => this.#open(position),
      positionAfter: ({ offset, content }) => offset + content.byteLength,
      start,
      policy,
      signal,
      openLoop: deps.openResumeLoop,
    });
    this.#items = this.#chunks[Symbol.asyncIterator]();
    this.#iterator = new PullIterator(
      () => this.#pull(),
      () => this.#chunks.cancel(),
    );
    this.closed = this.#closed.promise;
    // Whether it has completed is known only after the last check.
    void this.#chunks.closed.then((end) => end.type !== "completed" && this.#closed.resolve(end));
    this.#info = handled(Promise.race([this.#found.promise, this.closed.then(unknownAfter)]));
  }

  get headers(): Promise<HeaderMap> {
    return this.#chunks.headers;
  }

  get trailers(): Promise<HeaderMap> {
    return this.#chunks.trailers;
  }

  get position(): number | undefined {
    return this.#chunks.position;
  }

  get attempts(): number {
    return this.#chunks.attempts;
  }

  get info(): Promise<FileInfo> {
    this.#first ??= handled(this.#receive());
    return this.#info;
  }

  [Symbol.asyncIterator](): AsyncIterator<FileChunkView, undefined, undefined> {
    if (this.#isTaken) throw new TypeError("a download can be iterated once");
    this.#isTaken = true;
    return this.#iterator;
  }

  async bytes(): Promise<Uint8Array> {
    const { start = 0 } = this.#options;
    const { size } = await this.info;
    const bytes = new Uint8Array(Math.max(0, Math.min(this.#end, size) - start));
    for await (const { offset, content } of this) bytes.set(content, offset - start);
    return bytes;
  }

  cancel(reason?: unknown): void {
    this.#chunks.cancel(reason);
    this.#iterator.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    await this.closed;
  }

  #open(position: number): ServerStream<FileChunk> {
    const { chunkBytes = DEFAULT_CHUNK_BYTES, verify = true, ifGenerationMatch } = this.#options;
    const { signal, headers, idleTimeoutMs } = this.#options;
    const request = {
      fileId: this.#fileId,
      startOffset: position,
      // 0 would mean up to the end of the file, so a part that is complete asks for one byte more.
      readLimit: this.#end === Infinity ? 0 : Math.max(1, this.#end - position),
      chunkSize: chunkBytes,
      // A resumed stream must not go on with other content.
      ifGenerationMatch: this.#file?.generation ?? ifGenerationMatch,
      includeInfo: true,
      chunkChecksums: verify && !this.#isHashed,
    };
    const { downloadFile } = StreamingServiceDefinition.methods;
    return this.#deps.rpc.serverStream(StreamingServiceDefinition, downloadFile, request, {
      ...(signal && { signal }),
      ...(headers && { headers }),
      ...(idleTimeoutMs !== undefined && { idleTimeoutMs }),
    });
  }

  async #pull(): Promise<FileChunkView | undefined> {
    for (;;) {
      const chunk = await this.#next();
      if (chunk === undefined) return undefined;
      const { offset, content } = chunk;
      if (content.byteLength > 0) return { offset, content };
    }
  }

  #next(): Promise<FileChunk | undefined> {
    if (this.#isFirstTaken) return this.#receive();
    this.#isFirstTaken = true;
    this.#first ??= this.#receive();
    return this.#first;
  }

  async #receive(): Promise<FileChunk | undefined> {
    const { done, value: chunk } = await this.#items.next();
    // The loop of a consumer that has left is done, too.
    if (done === true && (await this.#chunks.closed).type !== "completed") return undefined;
    try {
      return done === true ? this.#complete() : this.#accept(chunk);
    } catch (error) {
      if (StreamingError.is(error)) this.#closed.resolve({ type: "failed", error });
      this.#chunks.cancel();
      throw error;
    }
  }

  #accept(chunk: FileChunk): FileChunk | undefined {
    this.#file ??= toFileInfo(chunk.info);
    this.#found.resolve(this.#file);
    if (chunk.offset >= this.#end) return this.#complete();
    this.#check.accept(chunk);
    return chunk;
  }

  #complete(): undefined {
    this.#check.finish(present(this.#file, "info"));
    this.#closed.resolve({ type: "completed" });
    this.#chunks.cancel();
  }
}

function assertRange(start: number, end: number): void {
  const isRange = Number.isSafeInteger(start) && start >= 0 && end > start;
  if (isRange && (end === Infinity || Number.isSafeInteger(end))) return;
  throw new RangeError(`${String(start)} to ${String(end)} is not a range of bytes`);
}

function unknownAfter(end: StreamEnd): never {
  if (end.type === "failed") throw end.error;
  throw new Error("the download was cancelled before anything was known about the file");
}
