import { createHash } from "node:crypto";

import {
  COMMIT_INTERVAL_BYTES,
  crc32c,
  type DownloadRequest,
  FileChunk,
  FileInfo,
  FileServiceDefinition,
  FileSpec,
  resourceNotFound,
  ServiceError,
  StreamingServiceDefinition,
  toTimestamp,
  UploadSession,
  UploadState,
  type WriteFileResponse,
} from "@millrace/shared-types";

import type { InMemoryCallContext } from "../testing/in-memory-context.js";
import type { Serve } from "../testing/in-memory-server.js";

/** The part of the service that is served here. */
const Downloads = {
  ...StreamingServiceDefinition,
  methods: { downloadFile: StreamingServiceDefinition.methods.downloadFile },
} as const;

export interface Session {
  readonly uploadId: string;
  readonly spec: FileSpec;
  content: Buffer[];
  receivedBytes: number;
  committedBytes: number;
  state: UploadState;
  file: FileInfo | undefined;
  /** Streams that wrote to it; the last one may. */
  writers: number;
}

export interface StoredFile {
  readonly info: FileInfo;
  readonly content: Buffer;
}

/** What the file services promise about uploads and downloads, in memory, with every number in view. */
export class FakeFileServer {
  readonly sessions: Map<string, Session> = new Map();
  readonly files: Map<string, StoredFile> = new Map();
  /** Uploads that were asked for, with repeated requests. */
  createCalls = 0;
  /** Most bytes that were received and not yet acknowledged. */
  mostUnacknowledgedBytes = 0;
  receivedBytes = 0;
  /** Commits after so many bytes without being told to flush. */
  commitEveryBytes: number = COMMIT_INTERVAL_BYTES;
  /** Changes what a download sends. */
  tamper: (chunk: FileChunk) => FileChunk = (chunk) => chunk;
  /** Called before a stream is told that its file is published. */
  beforeAnswer: () => void = () => {};
  readonly #idempotencyKeys = new Map<string, Session>();
  #nextId = 1;

  readonly register = (serve: Serve): void => {
    serve(FileServiceDefinition, {
      createUpload: async ({ spec, idempotencyKey }) => {
        this.createCalls++;
        return { upload: view(this.#create(FileSpec.fromPartial(spec ?? {}), idempotencyKey)) };
      },
      getUpload: async ({ uploadId }) => ({ upload: view(this.#session(uploadId)) }),
      cancelUpload: async ({ uploadId }) => {
        this.#session(uploadId).state = UploadState.ABORTED;
        return {};
      },
      finishUpload: () => Promise.reject(new Error("not used")),
      listUploads: async () => ({ uploads: [...this.sessions.values()].map(view), nextPageToken: "" }),
      writeFile: (chunks, context) => this.#write(chunks, context),
      getFile: async ({ name }) => {
        const files = [...this.files.values()];
        const found = files.find(
          ({ info }) => (name?.$case === "fileId" ? info.fileId : info.filename) === name?.value,
        );
        if (found === undefined) throw resourceNotFound("file", name?.value ?? "");
        return { file: found.info };
      },
      listFiles: async ({ prefix, pageSize, pageToken }) => {
        const all = [...this.files.values()].map(({ info }) => info).filter((info) => info.filename.startsWith(prefix));
        const start = Number(pageToken);
        const page = all.slice(start, start + pageSize);
        return { files: page, nextPageToken: start + pageSize < all.length ? String(start + pageSize) : "" };
      },
      updateFile: async ({ file, updateMask }) => {
        const stored = this.#file(file?.fileId ?? "");
        const changes = updateMask?.includes("filename") ? { filename: file?.filename ?? "" } : {};
        const info = { ...stored.info, ...changes, metageneration: stored.info.metageneration + 1 };
        this.files.set(info.fileId, { ...stored, info });
        return { file: info };
      },
      deleteFile: async ({ fileId, allowMissing }) => {
        if (!allowMissing) this.#file(fileId);
        this.files.delete(fileId);
        return {};
      },
    });
    serve(Downloads, { downloadFile: (request) => this.#download(request) });
  };

  /** Stores a file without uploading it. */
  add(filename: string, content: Buffer): FileInfo {
    const info = FileInfo.fromPartial({
      fileId: `file-${String(this.#nextId++)}`,
      filename,
      size: content.byteLength,
      checksums: { sha256: createHash("sha256").update(content).digest("hex") },
      generation: 1,
      metageneration: 1,
      createTime: toTimestamp(new Date()),
      updateTime: toTimestamp(new Date()),
    });
    this.files.set(info.fileId, { info, content });
    return info;
  }

  /** As after the time to live of a session. */
  expire(uploadId: string): void {
    this.sessions.delete(uploadId);
  }

  #create(spec: FileSpec, key: string): Session {
    const known = this.#idempotencyKeys.get(key);
    if (known !== undefined) return known;
    const uploadId = `upload-${String(this.#nextId++)}`;
    const counts = { content: [], receivedBytes: 0, committedBytes: 0, writers: 0 };
    const session = { uploadId, spec, state: UploadState.OPEN, file: undefined, ...counts };
    this.sessions.set(uploadId, session);
    this.#idempotencyKeys.set(key, session);
    return session;
  }

  #session(uploadId: string): Session {
    const session = this.sessions.get(uploadId);
    if (session === undefined) throw new ServiceError("UPLOAD_EXPIRED", `upload ${uploadId} is gone`);
    return session;
  }

  #file(fileId: string): StoredFile {
    const file = this.files.get(fileId);
    if (file === undefined) throw resourceNotFound("file", fileId);
    return file;
  }

  async *#write(chunks: AsyncIterable<FileChunk>, context: InMemoryCallContext): AsyncGenerator<WriteFileResponse> {
    let session: Session | undefined;
    let writer = 0;
    for await (const chunk of chunks) {
      if (session === undefined) {
        session = this.#session(chunk.uploadId);
        writer = ++session.writers;
        // What was not durable is lost with its stream: the worst that a server may do.
        session.content = [Buffer.concat(session.content).subarray(0, session.committedBytes)];
        session.receivedBytes = session.committedBytes;
      }
      if (writer !== session.writers) throw new ServiceError("UPLOAD_PREEMPTED", "another stream took over");
      this.#receive(session, chunk);
      const due = session.receivedBytes - session.committedBytes >= this.commitEveryBytes;
      if (chunk.finishWrite) {
        this.#publish(session, chunk);
        this.beforeAnswer();
        context.signal.throwIfAborted();
        yield answer(session);
        return;
      }
      if (due || chunk.flush || chunk.queryStatus) {
        session.committedBytes = session.receivedBytes;
        yield answer(session);
      }
    }
  }

  #receive(session: Session, { offset, content, crc32c: checksum }: FileChunk): void {
    if (offset > session.receivedBytes) {
      const metadata = { committed_size: session.committedBytes };
      throw new ServiceError("UPLOAD_OFFSET_MISMATCH", `offset ${String(offset)} leaves a hole`, { metadata });
    }
    if (checksum !== undefined && checksum !== crc32c(content)) throw new ServiceError("CHECKSUM_MISMATCH", "chunk");
    const news = content.subarray(Math.min(content.byteLength, session.receivedBytes - offset));
    session.content.push(Buffer.from(news));
    session.receivedBytes += news.byteLength;
    this.receivedBytes += content.byteLength;
    const unacknowledged = session.receivedBytes - session.committedBytes;
    this.mostUnacknowledgedBytes = Math.max(this.mostUnacknowledgedBytes, unacknowledged);
  }

  #publish(session: Session, { totalSize, checksums }: FileChunk): void {
    const content = Buffer.concat(session.content);
    const expected = session.spec.totalSize || totalSize;
    if (content.byteLength !== expected) throw new ServiceError("UPLOAD_SIZE_MISMATCH", "not the declared size");
    const file = this.add(session.spec.filename, content);
    if (checksums?.sha256 !== file.checksums?.sha256) throw new ServiceError("CHECKSUM_MISMATCH", "whole file");
    session.state = UploadState.COMPLETE;
    session.file = file;
    session.committedBytes = content.byteLength;
  }

  async *#download(request: DownloadRequest): AsyncGenerator<FileChunk> {
    const { info, content } = this.#file(request.fileId);
    if (request.ifGenerationMatch !== undefined && request.ifGenerationMatch !== info.generation) {
      throw new ServiceError("REVISION_MISMATCH", "another generation");
    }
    const end = request.readLimit === 0 ? info.size : Math.min(info.size, request.startOffset + request.readLimit);
    let offset = request.startOffset;
    do {
      const piece = content.subarray(offset, Math.min(end, offset + request.chunkSize));
      yield this.tamper(
        FileChunk.fromPartial({
          content: piece,
          offset,
          totalSize: info.size,
          ...(offset === request.startOffset && request.includeInfo && { info }),
          ...(request.chunkChecksums && { crc32c: crc32c(piece) }),
        }),
      );
      offset += piece.byteLength;
    } while (offset < end);
  }
}

function view({ uploadId, spec, committedBytes, state, file }: Session): UploadSession {
  return UploadSession.fromPartial({ uploadId, spec, committedSize: committedBytes, state, ...(file && { file }) });
}

function answer({ uploadId, committedBytes, file }: Session): WriteFileResponse {
  return { uploadId, committedSize: committedBytes, file, deduplicated: false };
}
