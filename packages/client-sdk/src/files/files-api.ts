import type { CallOptions } from "../options.js";
import type { ResumingRpc } from "../rpc/resuming-rpc.js";
import { deleteFile } from "./delete-file.js";
import { downloadTo } from "./download-to.js";
import { download } from "./download.js";
import { list } from "./list.js";
import { stat } from "./stat.js";
import type {
  DeleteFileOptions,
  Download,
  DownloadDestination,
  DownloadOptions,
  DownloadResult,
  DownloadToOptions,
  FileChanges,
  FileInfo,
  FileReference,
  ListFilesOptions,
  UpdateFileOptions,
  Upload,
  UploadOptions,
  UploadSource,
} from "./types.js";
import { update } from "./update.js";
import { upload } from "./upload.js";

/** What the operations on files are made of. */
export interface FilesDeps extends ResumingRpc {
  /** Tells this server from others in the keys of resume stores. */
  readonly target: string;
}

/** Files on the server. */
export interface FilesApi {
  /**
   * Uploads a file; it is published, whole, when the result is there, and never in part. Goes on
   * by itself after lost connections and restarts of the server, and with `resume.store` after a
   * restart of this process. Keeps at most 8 MiB of the content in memory.
   *
   * @throws {StreamingError} ABORTED if `ifGenerationMatch` does not hold or another process took over
   *   the session; AbortError if `signal` aborted, in which case the session stays to be continued
   * @throws {SourceChangedError} if the source has not the bytes that it had or declared at the beginning
   * @throws whatever the source throws
   */
  upload(source: UploadSource, options: UploadOptions): Upload;
  /**
   * Streams a file or a part of it, in order. Goes on by itself after lost connections and
   * restarts of the server, always with the same generation.
   *
   * @throws {StreamingError} NOT_FOUND; OUT_OF_RANGE if `start` is beyond the end; ABORTED if
   *   `ifGenerationMatch` does not hold; DATA_LOSS if the bytes are not those that were uploaded
   */
  download(fileId: string, options?: DownloadOptions): Download;
  /**
   * Downloads a whole file and checks it. A path gets its file at once and whole, by renaming,
   * once it is durable there; a file that was there is replaced.
   *
   * @throws {StreamingError} as `download`
   * @throws whatever writing to the destination throws
   */
  downloadTo(fileId: string, destination: DownloadDestination, options?: DownloadToOptions): Promise<DownloadResult>;
  /** @throws {StreamingError} NOT_FOUND if there is no such file */
  stat(file: FileReference, options?: CallOptions): Promise<FileInfo>;
  /** All files in ascending order of name, fetched page by page as the loop goes on. */
  list(options?: ListFilesOptions): AsyncIterable<FileInfo>;
  /**
   * Changes metadata and returns the file as it is then.
   *
   * @throws {StreamingError} NOT_FOUND; ABORTED if `ifMetagenerationMatch` does not hold
   */
  update(fileId: string, changes: FileChanges, options?: UpdateFileOptions): Promise<FileInfo>;
  /**
   * Deletes a file; downloads in progress finish.
   *
   * @throws {StreamingError} NOT_FOUND unless `allowMissing`; ABORTED if `ifGenerationMatch` does not hold
   */
  delete(fileId: string, options?: DeleteFileOptions): Promise<void>;
}

/** The object behind `client.files`. */
export function createFilesApi(deps: FilesDeps): FilesApi {
  return {
    upload: (source, options) => upload(deps, source, options),
    download: (fileId, options) => download(deps, fileId, options),
    downloadTo: (fileId, destination, options) => downloadTo(deps, fileId, destination, options),
    stat: (file, options) => stat(deps, file, options),
    list: (options) => list(deps, options),
    update: (fileId, changes, options) => update(deps, fileId, changes, options),
    delete: (fileId, options) => deleteFile(deps, fileId, options),
  };
}
