import type {
  FileServiceDefinition,
  ServiceHandlers,
  StreamingServiceDefinition,
  TokenSigner,
} from "@millrace/shared-types";
import { DEFAULT_LIMITS } from "@millrace/shared-types";

import type { BlobStore } from "../ports/blob-store.js";
import { type Clock, systemClock } from "../ports/clock.js";
import type { RecordStore } from "../ports/record-store.js";
import type { CallContext } from "../rpc/call-context.js";
import type { Logger } from "../rpc/logger.js";
import { silentLogger } from "../rpc/logger.js";

import { cancelUpload } from "./cancel-upload.js";
import { createUpload } from "./create-upload.js";
import { deleteFile } from "./delete-file.js";
import { downloadFile } from "./download-file.js";
import { filesUpkeep } from "./expire.js";
import type { FilesDeps, FilesLimits } from "./files-deps.js";
import { finishUpload } from "./finish-upload.js";
import { getFile } from "./get-file.js";
import { getUpload } from "./get-upload.js";
import { KeyedLock } from "../records/keyed-lock.js";
import { listFiles } from "./list-files.js";
import { listUploads } from "./list-uploads.js";
import { PageTokens } from "../records/page-tokens.js";
import { ParallelUploads } from "./parallel-uploads.js";
import { updateFile } from "./update-file.js";
import { uploadFile } from "./upload-file.js";
import { writeFile } from "./write-file.js";

export interface FilesOptions {
  readonly blobs: BlobStore;
  readonly records: RecordStore;
  /** Signs page tokens. */
  readonly tokenSigner: TokenSigner;
  /** Names the data: a page token of another cluster is refused. */
  readonly clusterId: string;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Default: those of DEFAULT_LIMITS. */
  readonly limits?: Partial<FilesLimits>;
  /** Default: none. */
  readonly log?: Logger;
}

/** The files domain, running. Disposing of it stops its upkeep; the stores stay open. */
export interface Files extends FilesDeps, AsyncDisposable {}

/**
 * Opens the files domain over two stores and starts their upkeep, which removes expired sessions and
 * files, and what a crash has left. Nobody else may write uploads to the stores at that moment.
 */
export async function openFiles(options: FilesOptions): Promise<Files> {
  const { blobs, records, clock = systemClock, limits, log = silentLogger } = options;
  const deps: FilesDeps = {
    blobs,
    records,
    clock,
    limits: { ...DEFAULT_LIMITS, ...limits },
    log,
    pageTokens: new PageTokens(options.tokenSigner, options.clusterId),
    parallel: new ParallelUploads(),
    locks: { uploads: new KeyedLock(), contents: new KeyedLock(), names: new KeyedLock() },
  };
  const upkeep = filesUpkeep(deps, await blobs.listStaged());
  return { ...deps, [Symbol.asyncDispose]: () => upkeep[Symbol.asyncDispose]() };
}

/** Handlers of FileService. */
export function filesService(deps: FilesDeps): ServiceHandlers<typeof FileServiceDefinition, CallContext> {
  return {
    createUpload: (request, context) => createUpload(request, context, deps),
    getUpload: (request, context) => getUpload(request, context, deps),
    finishUpload: (request, context) => finishUpload(request, context, deps),
    cancelUpload: (request, context) => cancelUpload(request, context, deps),
    listUploads: (request, context) => listUploads(request, context, deps),
    writeFile: (requests, context) => writeFile(requests, context, deps),
    getFile: (request, context) => getFile(request, context, deps),
    listFiles: (request, context) => listFiles(request, context, deps),
    updateFile: (request, context) => updateFile(request, context, deps),
    deleteFile: (request, context) => deleteFile(request, context, deps),
  };
}

/** Handlers of the two RPCs of StreamingService that carry files. */
export function fileStreams(
  deps: FilesDeps,
): Pick<ServiceHandlers<typeof StreamingServiceDefinition, CallContext>, "uploadFile" | "downloadFile"> {
  return {
    uploadFile: (requests, context) => uploadFile(requests, context, deps),
    downloadFile: (request, context) => downloadFile(request, context, deps),
  };
}
