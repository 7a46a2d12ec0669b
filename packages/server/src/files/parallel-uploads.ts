import type { ParallelUpload } from "./parallel-upload.js";

/** The parallel sessions that streams of this process write: all streams of a session share one holder. */
export class ParallelUploads {
  readonly #open = new Map<string, ParallelUpload>();

  /** The holder of a session that is open now. */
  get(uploadId: string): ParallelUpload | undefined {
    return this.#open.get(uploadId);
  }

  add(upload: ParallelUpload): void {
    this.#open.set(upload.uploadId, upload);
  }

  /** Has the next stream open the session anew; streams that write it now fail soon. */
  forget(uploadId: string): void {
    this.#open.delete(uploadId);
  }

  /** Removes a holder, unless another one took its place. */
  remove(upload: ParallelUpload): void {
    if (this.#open.get(upload.uploadId) === upload) this.#open.delete(upload.uploadId);
  }
}
