import { FileServiceDefinition } from "@millrace/shared-types";

import { deferred } from "../rpc/deferred.js";
import { handled } from "../rpc/handled.js";
import type { Rpc } from "../rpc/rpc.js";
import { checkUploadOptions } from "./check-file-options.js";
import type { FilesDeps } from "./files-api.js";
import type { Upload, UploadOptions, UploadResult, UploadSource } from "./types.js";
import { runUpload } from "./upload-run.js";
import { UploadWindow } from "./upload-window.js";

/** Begins an upload at once. See {@link FilesApi.upload}. */
export function upload(deps: FilesDeps, source: UploadSource, options: UploadOptions): Upload {
  checkUploadOptions(options);
  return new RunningUpload(deps, source, options);
}

/** The handle of an upload: what its owner can see and do while it runs. */
class RunningUpload implements Upload {
  readonly uploadId: Promise<string>;
  readonly #rpc: Rpc;
  readonly #stop = new AbortController();
  readonly #window = new UploadWindow();
  readonly #result: Promise<UploadResult>;

  constructor(deps: FilesDeps, source: UploadSource, options: UploadOptions) {
    this.#rpc = deps.rpc;
    const { signal } = options;
    const stop = this.#stop.signal;
    const session = deferred<string>();
    // Who awaits them learns of a failure; who does not is not to be ended by it.
    this.#result = handled(
      runUpload(deps, source, options, {
        signal: signal ? AbortSignal.any([signal, stop]) : stop,
        window: this.#window,
        onSession: session.resolve,
      }),
    );
    this.uploadId = handled(Promise.race([session.promise, this.#result.then(() => session.promise)]));
  }

  get committedBytes(): number {
    return this.#window.committedBytes;
  }

  then<Value = UploadResult, Failure = never>(
    onFulfilled?: ((result: UploadResult) => Value | PromiseLike<Value>) | null,
    onRejected?: ((error: unknown) => Failure | PromiseLike<Failure>) | null,
  ): Promise<Value | Failure> {
    return this.#result.then(onFulfilled, onRejected);
  }

  pause(): void {
    this.#window.pause();
  }

  resume(): void {
    this.#window.resume();
  }

  async abort({ terminate = false }: { readonly terminate?: boolean } = {}): Promise<void> {
    this.#stop.abort();
    const isPublished = await this.#result.then(
      () => true,
      () => false,
    );
    if (terminate && !isPublished) await this.#terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.abort();
  }

  async #terminate(): Promise<void> {
    const uploadId = await this.uploadId.catch(() => undefined);
    if (uploadId === undefined) return;
    await this.#rpc.unary(FileServiceDefinition, FileServiceDefinition.methods.cancelUpload, { uploadId });
  }
}
