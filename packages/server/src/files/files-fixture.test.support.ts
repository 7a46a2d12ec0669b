import { createHash, randomBytes } from "node:crypto";

import type {
  CreateUploadRequest,
  FileChunk,
  FileSpec,
  FinishUploadResponse,
  PartialMessage,
  UploadSession,
} from "@millrace/shared-types";
import {
  createTokenSigner,
  CreateUploadRequest as CreateUploadRequestType,
  DownloadRequest,
  FileChunk as FileChunkType,
  FileSpec as FileSpecType,
  FinishUploadRequest,
} from "@millrace/shared-types";

import { MemoryBlobStore } from "../adapters/memory/memory-blob-store.js";
import { MemoryRecordStore } from "../adapters/memory/memory-record-store.js";
import type { CallContext } from "../rpc/call-context.js";
import { silentLogger } from "../rpc/logger.js";
import { ManualClock } from "../testing/manual-clock.js";

import { createUpload } from "./create-upload.js";
import { downloadFile } from "./download-file.js";
import type { FilesDeps } from "./files-deps.js";
import type { Files, FilesOptions } from "./files-service.js";
import { openFiles } from "./files-service.js";
import { finishUpload } from "./finish-upload.js";
import { getUpload } from "./get-upload.js";

/** The files domain for a test, by default in memory, with a clock that the test moves. */
export interface FilesFixture extends AsyncDisposable {
  readonly files: Files;
  readonly clock: ManualClock;
}

/** Opens a {@link FilesFixture}. */
export async function openFilesFixture(options: Partial<FilesOptions> = {}): Promise<FilesFixture> {
  const clock = new ManualClock(Date.UTC(2026, 0, 1));
  const files = await openFiles({
    blobs: new MemoryBlobStore(),
    records: new MemoryRecordStore(),
    clock,
    tokenSigner: createTokenSigner(Buffer.alloc(32, 1)),
    clusterId: "c1",
    ...options,
  });
  return { files, clock, [Symbol.asyncDispose]: () => files[Symbol.asyncDispose]() };
}

/** A call as a handler sees it. */
export interface TestCall {
  readonly context: CallContext;
  /** Ends the call as the runtime does: the signal aborts. */
  abort(reason: Error): void;
  /** What the handler says about resuming. */
  resumePosition(): string | undefined;
}

/** A call of the user `owner`. */
export function callOf(owner = "alice"): TestCall {
  const abort = new AbortController();
  let position: () => string | undefined = () => undefined;
  const context: CallContext = {
    method: "/streaming.v1.FileService/Test",
    kind: "unary",
    requestId: "r1",
    peer: "test",
    principal: { id: owner },
    headers: {},
    deadline: undefined,
    signal: abort.signal,
    draining: new AbortController().signal,
    done: new AbortController().signal,
    log: silentLogger,
    sendHeaders: () => {},
    trailers: {},
    resumeFrom: (next) => {
      position = next;
    },
  };
  return { context, abort: (reason) => abort.abort(reason), resumePosition: () => position() };
}

/** Context of a call that nobody ends. */
export function contextOf(owner?: string): CallContext {
  return callOf(owner).context;
}

/** A chunk with defaults for what is left out. */
export function chunk(fields: PartialMessage<FileChunk>): FileChunk {
  return FileChunkType.fromPartial(fields);
}

/** A spec with defaults for what is left out. */
export function specOf(fields: PartialMessage<FileSpec>): FileSpec {
  return FileSpecType.fromPartial(fields);
}

/** Chunks of a content as the seed's client sends them. */
export function seedChunks(filename: string, content: Uint8Array, chunkBytes: number = 64 * 1024): FileChunk[] {
  const chunks: FileChunk[] = [];
  for (let offset = 0; offset < content.length; offset += chunkBytes) {
    chunks.push(
      chunk({ content: content.subarray(offset, offset + chunkBytes), offset, totalSize: content.length, filename }),
    );
  }
  return chunks;
}

/** A stream that ends with a half-close. */
export async function* streamOf(...chunks: readonly FileChunk[]): AsyncGenerator<FileChunk> {
  yield* chunks;
}

/** A stream that is cut after its chunks. */
export async function* cutAfter(error: Error, ...chunks: readonly FileChunk[]): AsyncGenerator<FileChunk> {
  yield* chunks;
  throw error;
}

/** A stream to which a test adds while it is read. */
export interface PushStream extends AsyncIterable<FileChunk> {
  /** Resolves once the reader asks for the chunk after this one: this one has been dealt with. */
  push(...chunks: readonly FileChunk[]): Promise<void>;
  halfClose(): void;
  cut(error: Error): void;
}

/** A {@link PushStream} without any chunks. */
export function pushStream(): PushStream {
  const queue: (() => IteratorResult<FileChunk>)[] = [];
  let waiting: (() => void) | undefined;
  let idle: (() => void) | undefined;
  const add = (item: () => IteratorResult<FileChunk>): void => {
    queue.push(item);
    waiting?.();
  };
  const next = async (): Promise<IteratorResult<FileChunk>> => {
    if (queue.length === 0) {
      idle?.();
      await new Promise<void>((resolve) => (waiting = resolve));
    }
    return queue.shift()?.() ?? { done: true, value: undefined };
  };
  return {
    [Symbol.asyncIterator]: () => ({ next }),
    push: (...chunks) =>
      new Promise((resolve) => {
        idle = resolve;
        for (const value of chunks) add(() => ({ done: false, value }));
      }),
    halfClose: () => add(() => ({ done: true, value: undefined })),
    cut: (error) =>
      add(() => {
        throw error;
      }),
  };
}

/** Random bytes. */
export function randomContent(size: number): Buffer {
  return randomBytes(size);
}

/** Copies of all items of a stream: a store may use the memory of a piece again. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(structuredClone(item));
  return all;
}

/** SHA-256 in hexadecimal. */
export function sha256(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** SHA-256 of what DownloadFile sends for a file. */
export async function downloadedSha256(deps: FilesDeps, fileId: string): Promise<string> {
  const pieces = await collect(downloadFile(DownloadRequest.fromPartial({ fileId }), contextOf(), deps));
  return sha256(Buffer.concat(pieces.map(({ content }) => content)));
}

/** A new session. */
export async function createSession(
  deps: FilesDeps,
  request: PartialMessage<CreateUploadRequest>,
  owner?: string,
): Promise<UploadSession> {
  const { upload } = await createUpload(CreateUploadRequestType.fromPartial(request), contextOf(owner), deps);
  if (upload === undefined) throw new Error("no session in the answer");
  return upload;
}

/** What GetUpload says of a session. */
export async function sessionOf(deps: FilesDeps, uploadId: string, owner?: string): Promise<UploadSession> {
  const { upload } = await getUpload({ uploadId }, contextOf(owner), deps);
  if (upload === undefined) throw new Error("no session in the answer");
  return upload;
}

/** Finishes a session. */
export function finishSession(
  deps: FilesDeps,
  request: PartialMessage<FinishUploadRequest>,
  owner?: string,
): Promise<FinishUploadResponse> {
  return finishUpload(FinishUploadRequest.fromPartial(request), contextOf(owner), deps);
}
