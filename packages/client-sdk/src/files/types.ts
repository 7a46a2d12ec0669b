import type { Readable, Writable } from "node:stream";

import type { CallOptions, ResumePolicy } from "../options.js";
import type { ResumableStream } from "../rpc/streams.js";
import type { ResumeStore } from "./resume-store.js";

/** A published file. */
export interface FileInfo {
  readonly fileId: string;
  readonly filename: string;
  /** In bytes. */
  readonly size: number;
  /** SHA-256 of the content, in lower-case hexadecimal. */
  readonly sha256: string;
  /** CRC32C (Castagnoli) of the content, unsigned, if the server keeps it. */
  readonly crc32c: number | undefined;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Grows each time that content is published under this name. */
  readonly generation: number;
  /** Grows each time that metadata of this generation changes. */
  readonly metageneration: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** When the server will delete the file; `undefined`: never. */
  readonly expiresAt: Date | undefined;
  /** Identity of who published it; empty for an anonymous caller. */
  readonly owner: string;
}

/** Content that can be read again from the start, for as long as the upload lasts and after a restart. */
export interface ResumableSource {
  /** In bytes, if known. */
  readonly size?: number;
  /** The bytes from `start` to the end. */
  slice(start: number): AsyncIterable<Uint8Array>;
}

/**
 * What to upload: the path or `file:` URL of a file, bytes, a Blob, or anything that yields bytes.
 * It is read once and in order; pieces must not be changed after they were yielded.
 */
export type UploadSource =
  | string
  | URL
  | Uint8Array
  | Blob
  | Readable
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  | ResumableSource;

/** How far an upload is. */
export interface UploadProgress {
  /** Bytes given to the connection. Falls back to `committedBytes` when the connection is lost. */
  readonly sentBytes: number;
  /** Bytes that are durable on the server. Never decreases. */
  readonly committedBytes: number;
  /** Size of the whole file; left out while it is not known. */
  readonly totalBytes?: number;
  /** Rate of `committedBytes` over the last seconds. */
  readonly bytesPerSecond: number;
}

/** How an upload goes on after a failure, and where it remembers its session across restarts. */
export interface UploadResumeOptions extends ResumePolicy {
  /** Keeps the session, so that the same upload in a later process continues. Default: not kept. */
  readonly store?: ResumeStore;
  /**
   * Names the upload in `store`. Default for files: their path, size and time of change, the
   * filename and the target. Other sources use the store only if a key is given.
   */
  readonly key?: string;
}

export interface UploadOptions extends Pick<CallOptions, "signal" | "headers"> {
  /** Name on the server: 1 to 1024 bytes, segments separated by `/`, no `.` or `..` segments. */
  readonly filename: string;
  /** In bytes; the upload fails if the source has another size. Default: the source's own, if it has one. */
  readonly size?: number;
  /** Content bytes per message. Default 524_288; 1024 to 1_048_576. */
  readonly chunkBytes?: number;
  /** Media type. Default: `application/octet-stream`. */
  readonly contentType?: string;
  /** At most 64 entries, 8 KiB in all. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Fails with ABORTED unless the name has this generation at publication; 0: the name must not exist. */
  readonly ifGenerationMatch?: number;
  /** The server deletes the file this long after publication. Default: never. */
  readonly ttlMs?: number;
  /** Called whenever bytes are sent or committed, and once at the end. What it throws fails the upload. */
  readonly onProgress?: (progress: UploadProgress) => void;
  /** `false`: the first failure is final. Default: the client's policy. */
  readonly resume?: UploadResumeOptions | false;
}

/** A finished upload. */
export interface UploadResult {
  readonly fileId: string;
  readonly filename: string;
  /** In bytes. */
  readonly size: number;
  /** SHA-256 in lower-case hexadecimal, the same on both sides. */
  readonly sha256: string;
  readonly file: FileInfo;
  /** The server had this content already and keeps it once. */
  readonly deduplicated: boolean;
  /** How often the upload was begun or continued: 1 if nothing went wrong. */
  readonly attempts: number;
  /** Bytes that had to be sent more than once: at most 8 MiB per lost connection. */
  readonly resentBytes: number;
}

/**
 * An upload under way. Await it for its result; dispose of it to stop it. A stopped or failed
 * upload stays on the server, to be continued, until the session expires.
 */
export interface Upload extends PromiseLike<UploadResult>, AsyncDisposable {
  /** Session on the server; rejects if the upload fails before it has one. Needs no handler. */
  readonly uploadId: Promise<string>;
  /** Bytes that are durable on the server. */
  readonly committedBytes: number;
  /** Stops sending after the current chunk, until `resume`. */
  pause(): void;
  resume(): void;
  /**
   * Stops the upload, which then rejects as cancelled; does nothing once it is over.
   * Resolves when nothing of it runs any more.
   *
   * @param options.terminate also drops the session and its bytes on the server. Default false.
   */
  abort(options?: { readonly terminate?: boolean }): Promise<void>;
}

/** A piece of a file. `content` may be a view of a larger buffer: copy what is kept for long. */
export interface FileChunkView {
  /** Position of the first byte of `content` in the file. */
  readonly offset: number;
  readonly content: Uint8Array;
}

export interface DownloadOptions extends Pick<CallOptions, "signal" | "headers" | "idleTimeoutMs"> {
  /** First byte. Default 0. */
  readonly start?: number;
  /** First byte not wanted any more. Default: the size of the file. */
  readonly end?: number;
  /** Wanted bytes per chunk. Default 262_144; the server clamps it to its limits. */
  readonly chunkBytes?: number;
  /** Fails with ABORTED unless the file has this generation. */
  readonly ifGenerationMatch?: number;
  /**
   * Checks a whole file against its SHA-256 at the end, and a part of a file chunk by chunk
   * against CRC32C; a difference is DATA_LOSS. Default true.
   */
  readonly verify?: boolean;
  /** `false`: the first failure is final. Default: the client's policy. */
  readonly resume?: ResumePolicy | false;
}

/**
 * The chunks of a file, ascending and without holes. Its position is the number of the byte after
 * the last chunk that the consumer has finished.
 */
export interface Download extends ResumableStream<FileChunkView, number> {
  /** The file; known when the first chunk has arrived. Rejects if the download ends before. Needs no handler. */
  readonly info: Promise<FileInfo>;
  /** Collects all chunks: as much memory as the range that was asked for. Takes the place of iterating. */
  bytes(): Promise<Uint8Array>;
}

/** How far a download to a destination is. */
export interface DownloadProgress {
  /** Bytes given to the destination. */
  readonly receivedBytes: number;
  readonly totalBytes: number;
  /** Rate over the last seconds. */
  readonly bytesPerSecond: number;
}

/** How a download to a path goes on after a failure, and where it remembers its parts across restarts. */
export interface DownloadResumeOptions extends ResumePolicy {
  /** Keeps which bytes are there, so that the same download in a later process continues. Default: not kept. */
  readonly store?: ResumeStore;
}

export interface DownloadToOptions extends Pick<
  DownloadOptions,
  "signal" | "headers" | "idleTimeoutMs" | "chunkBytes" | "ifGenerationMatch"
> {
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Ranges to fetch at the same time; to a path only. Default: 4 for files above 16 MiB, else 1. At most 16. */
  readonly parallel?: number;
  /** `false`: the first failure is final. Default: the client's policy. */
  readonly resume?: DownloadResumeOptions | false;
}

/** A path, or a stream that takes the bytes in order; the stream is ended at the end. */
export type DownloadDestination = string | URL | Writable | WritableStream<Uint8Array>;

/** A finished download; the SHA-256 was checked. */
export interface DownloadResult {
  readonly fileId: string;
  readonly filename: string;
  /** In bytes. */
  readonly size: number;
  readonly sha256: string;
  readonly file: FileInfo;
  /** Streams opened for all ranges together. */
  readonly attempts: number;
}

/** A file by its id, or the newest generation of a name. */
export type FileReference = string | { readonly filename: string };

export interface ListFilesOptions extends CallOptions {
  /** Only names that start with this. Default: all. */
  readonly prefix?: string;
  /** Files fetched at a time. Default 100, at most 1000. */
  readonly pageSize?: number;
}

/** What to change; what is left out stays. */
export interface FileChanges {
  readonly filename?: string;
  readonly contentType?: string;
  /** Replaces all metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** When the server deletes the file; `null`: never. */
  readonly expiresAt?: Date | null;
}

export interface UpdateFileOptions extends CallOptions {
  /** Fails with ABORTED unless the file has this metageneration. */
  readonly ifMetagenerationMatch?: number;
}

export interface DeleteFileOptions extends CallOptions {
  /** Fails with ABORTED unless the file has this generation. */
  readonly ifGenerationMatch?: number;
  /** Succeeds if there is no such file. Default false. */
  readonly allowMissing?: boolean;
}
