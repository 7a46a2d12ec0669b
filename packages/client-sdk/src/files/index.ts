export type { FilesApi } from "./files-api.js";
export { FileResumeStore, MemoryResumeStore, type ResumeStore } from "./resume-store.js";
export type {
  DeleteFileOptions,
  Download,
  DownloadDestination,
  DownloadOptions,
  DownloadProgress,
  DownloadResult,
  DownloadResumeOptions,
  DownloadToOptions,
  FileChanges,
  FileChunkView,
  FileInfo,
  FileReference,
  ListFilesOptions,
  ResumableSource,
  UpdateFileOptions,
  Upload,
  UploadOptions,
  UploadProgress,
  UploadResult,
  UploadResumeOptions,
  UploadSource,
} from "./types.js";
export { SourceChangedError } from "./upload-source.js";
