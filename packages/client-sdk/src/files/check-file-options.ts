import { CALL_NAMES, RESUME_NAMES } from "../check-options.js";
import { checkTextMap, checkTexts } from "../check-text.js";
import { checkNames, type NamesOf } from "../option-names.js";
import type {
  DeleteFileOptions,
  DownloadOptions,
  DownloadToOptions,
  FileChanges,
  ListFilesOptions,
  UpdateFileOptions,
  UploadOptions,
} from "./types.js";

const UPLOAD: NamesOf<UploadOptions> = {
  signal: "any",
  headers: "any",
  filename: "any",
  size: "number",
  chunkBytes: "number",
  contentType: "any",
  metadata: "any",
  ifGenerationMatch: "number",
  ttlMs: "number",
  onProgress: "any",
  resume: { ...RESUME_NAMES, store: "any", key: "any" },
};

const DOWNLOAD: NamesOf<DownloadOptions> = {
  signal: "any",
  headers: "any",
  idleTimeoutMs: "number",
  start: "number",
  end: "number",
  chunkBytes: "number",
  ifGenerationMatch: "number",
  verify: "any",
  resume: RESUME_NAMES,
};

const DOWNLOAD_TO: NamesOf<DownloadToOptions> = {
  signal: "any",
  headers: "any",
  idleTimeoutMs: "number",
  chunkBytes: "number",
  ifGenerationMatch: "number",
  onProgress: "any",
  parallel: "number",
  resume: { ...RESUME_NAMES, store: "any" },
};

const LIST: NamesOf<ListFilesOptions> = { ...CALL_NAMES, prefix: "any", pageSize: "number" };

const CHANGES: NamesOf<FileChanges> = { filename: "any", contentType: "any", metadata: "any", expiresAt: "any" };

const UPDATE: NamesOf<UpdateFileOptions> = { ...CALL_NAMES, ifMetagenerationMatch: "number" };

const DELETE: NamesOf<DeleteFileOptions> = { ...CALL_NAMES, ifGenerationMatch: "number", allowMissing: "any" };

/** Refuses options as {@link checkNames} does, a missing filename, and texts that would be stored as others. */
export function checkUploadOptions(options: Partial<UploadOptions> = {}): void {
  checkNames(options, UPLOAD);
  if (typeof options.filename !== "string") {
    throw new TypeError("option 'filename' is missing: what is the file's name on the server?");
  }
  checkFileTexts(options);
}

export function checkDownloadOptions(options: DownloadOptions): void {
  checkNames(options, DOWNLOAD);
}

export function checkDownloadToOptions(options: DownloadToOptions): void {
  checkNames(options, DOWNLOAD_TO);
}

export function checkListOptions(options: ListFilesOptions): void {
  checkNames(options, LIST);
  checkTexts({ prefix: options.prefix });
}

export function checkUpdate(changes: FileChanges, options: UpdateFileOptions): void {
  checkNames(changes, CHANGES);
  checkFileTexts(changes);
  checkNames(options, UPDATE);
}

export function checkDeleteOptions(options: DeleteFileOptions): void {
  checkNames(options, DELETE);
}

/** Refuses the name of a file if it would be another one on the wire. */
export function checkFilename(filename: string): void {
  checkTexts({ filename });
}

function checkFileTexts({ filename, contentType, metadata }: FileChanges): void {
  checkTexts({ filename, contentType });
  checkTextMap("metadata", metadata);
}
