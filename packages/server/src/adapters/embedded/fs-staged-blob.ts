import type { FileHandle } from "node:fs/promises";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";

import { ServiceError } from "@millrace/shared-types";

import type { BlobDigest, StagedBlob } from "../../ports/blob-store.js";

import { corruptData, encodeFooter, readFully } from "./blob-footer.js";
import { BlobHasher } from "./blob-hasher.js";
import { isDiskFull, storageError } from "./storage-error.js";

/** Moments between two disk operations, where a test can end the world. */
export type Failpoint =
  | "before_write"
  | "after_write"
  | "after_fsync"
  | "before_rename"
  | "after_rename"
  | "before_dirsync";

/** Called at every failpoint; what it throws takes the place of the next operation. */
export type FailpointHook = (point: Failpoint) => void | Promise<void>;

/** What a staged blob knows of its store. */
export interface StagedBlobPlace {
  /** The staging file. */
  readonly path: string;
  /** Where a blob with this content lives. */
  readonly pathOfBlob: (sha256: string) => string;
  readonly hasBlob: (sha256: string) => Promise<boolean>;
  /** Called once this holder is done with the staging file. */
  readonly onEnd: () => void;
  /** Makes the names in a folder durable. */
  readonly syncFolder: (path: string) => Promise<void>;
  readonly hook: FailpointHook;
}

const READ_BACK_BYTES = 1024 * 1024;

/** Bytes in a staging file. */
export class FsStagedBlob implements StagedBlob {
  readonly #file: FileHandle;
  readonly #place: StagedBlobPlace;
  readonly #running = new Set<Promise<unknown>>();
  /** Follows the bytes while they come in order; `undefined` once they did not. */
  #hasher: BlobHasher | undefined;
  /** Why nothing can be done with this object any more. */
  #ended: ServiceError | undefined;
  #nameIsDurable: boolean;

  constructor(file: FileHandle, isNew: boolean, place: StagedBlobPlace) {
    this.#file = file;
    this.#place = place;
    this.#hasher = isNew ? new BlobHasher() : undefined;
    this.#nameIsDurable = !isNew;
  }

  static async open(place: StagedBlobPlace): Promise<FsStagedBlob> {
    const file = await openStaging(place.path).catch((error: unknown) => {
      throw storageError(error, "open an upload");
    });
    const { size } = await file.stat();
    return new FsStagedBlob(file, size === 0, place);
  }

  write(offset: number, content: Uint8Array): Promise<void> {
    return this.#run("write an upload", async () => {
      await this.#place.hook("before_write");
      const written = this.#writeFully(content, offset);
      this.#follow(offset, content); // hashes while the disk works
      await written;
      await this.#place.hook("after_write");
    });
  }

  sync(): Promise<void> {
    return this.#run("make an upload durable", async () => {
      await this.#file.datasync();
      if (!this.#nameIsDurable) await this.#place.syncFolder(dirname(this.#place.path));
      this.#nameIsDurable = true;
      await this.#place.hook("after_fsync");
    });
  }

  truncate(size: number): Promise<void> {
    return this.#run("cut an upload", async () => {
      const { size: before } = await this.#file.stat();
      if (size > before) throw corruptData(before, `${String(size)} bytes were staged`);
      if (size === before) return;
      await this.#file.truncate(size);
      if (size === 0) this.#hasher = new BlobHasher();
      else if (this.#hasher !== undefined && this.#hasher.size > size) this.#hasher = undefined;
    });
  }

  async digest(size: number, { signal }: { readonly signal: AbortSignal }): Promise<BlobDigest> {
    const hasher = await this.#run("read an upload back", async () => {
      if (this.#hasher?.size !== size) this.#hasher = await this.#readBack(size, signal);
      return this.#hasher;
    });
    if (hasher?.size !== size) throw signal.reason;
    return hasher.digest();
  }

  publish(digest: BlobDigest): Promise<{ readonly deduplicated: boolean }> {
    return this.#run("publish an upload", async () => {
      const deduplicated = await this.#place.hasBlob(digest.sha256);
      await this.#appendFooter(digest);
      await this.#moveTo(this.#place.pathOfBlob(digest.sha256));
      this.#end(new ServiceError("UPLOAD_PREEMPTED", "this upload is published already"));
      await this.#file.close();
      return { deduplicated };
    });
  }

  /** Ends this holder because another one comes, after what is under way. */
  preempt(): Promise<void> {
    return this.#close(new ServiceError("UPLOAD_PREEMPTED", "another stream took over this upload"));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close(new ServiceError("UPLOAD_PREEMPTED", "this upload was closed"));
  }

  async #close(reason: ServiceError): Promise<void> {
    this.#end(reason);
    await Promise.allSettled(this.#running);
    await this.#file.close();
  }

  #end(reason: ServiceError): void {
    this.#ended ??= reason;
    this.#place.onEnd();
  }

  /** Does one thing with the file. Any failure but a full disk ends this object: see fsyncgate. */
  #run<T>(doing: string, work: () => Promise<T>): Promise<T> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const running = work().catch((error: unknown) => {
      throw this.#failed(error, doing);
    });
    this.#running.add(running);
    const done = (): unknown => this.#running.delete(running);
    running.then(done, done);
    return running;
  }

  #failed(error: unknown, doing: string): ServiceError {
    this.#hasher = undefined;
    const failure = storageError(error, doing);
    if (!isDiskFull(error)) this.#ended ??= failure;
    return failure;
  }

  #follow(offset: number, content: Uint8Array): void {
    if (this.#hasher?.size === offset) this.#hasher.update(content);
    else this.#hasher = undefined;
  }

  async #writeFully(content: Uint8Array, offset: number): Promise<void> {
    for (let done = 0; done < content.length;) {
      const { bytesWritten } = await this.#file.write(content, done, content.length - done, offset + done);
      done += bytesWritten;
    }
  }

  /** Reads the first `size` bytes, unless `signal` aborts before the end. */
  async #readBack(size: number, signal: AbortSignal): Promise<BlobHasher | undefined> {
    const { size: staged } = await this.#file.stat();
    if (staged < size) throw corruptData(staged, `${String(size)} bytes were staged`);
    const hasher = new BlobHasher();
    const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BACK_BYTES, size));
    while (hasher.size < size) {
      if (signal.aborted) return undefined;
      const piece = buffer.subarray(0, size - hasher.size);
      await readFully(this.#file, piece, hasher.size);
      hasher.update(piece);
    }
    return hasher;
  }

  async #appendFooter(digest: BlobDigest): Promise<void> {
    const hasher = this.#hasher;
    if (hasher?.size !== digest.size) throw new Error("publish needs the digest of the staged bytes");
    await this.#file.truncate(digest.size);
    await this.#writeFully(encodeFooter(digest.size, hasher.blockCrcs()), digest.size);
    await this.#file.datasync();
    await this.#place.hook("after_fsync");
  }

  async #moveTo(path: string): Promise<void> {
    await this.#place.hook("before_rename");
    // Over a blob with the same content: that mends one whose bytes rotted.
    await rename(this.#place.path, path);
    await this.#place.hook("after_rename");
    await this.#place.hook("before_dirsync");
    await this.#place.syncFolder(dirname(path));
  }
}

function openStaging(path: string): Promise<FileHandle> {
  return open(path, "r+", 0o600).catch(() => open(path, "wx+", 0o600));
}
