import { DEFAULT_LIMITS, type UploadSession, UploadState } from "@millrace/shared-types";

import { AbortedError, DataLossError } from "../errors.js";
import type { ResumeLoop } from "../rpc/resume-loop.js";
import { cancelledBy } from "./cancelled-by.js";
import { toFileInfo } from "./file-info.js";
import type { FilesDeps } from "./files-api.js";
import { RateMeter } from "./rate-meter.js";
import type { FileInfo, UploadOptions, UploadResult, UploadSource } from "./types.js";
import { UploadContent } from "./upload-content.js";
import { type UploadMemory, UploadSessionHandle } from "./upload-session.js";
import { type ByteSource, openUploadSource, SourceChangedError } from "./upload-source.js";
import type { UploadWindow } from "./upload-window.js";
import { writeOverStream } from "./write-stream.js";

/** Few messages per megabyte, and still 16 of them in the window. */
const DEFAULT_CHUNK_BYTES = 512 * 1024;

/** What is kept of a chunk besides its bytes counts 8,192 times in a full window. */
const MIN_CHUNK_BYTES = 1024;

const MAX_CHUNK_BYTES = DEFAULT_LIMITS.maxChunkBytes;

/** Names the call in errors that happen between its RPCs. */
const METHOD = "streaming.v1.FileService/WriteFile";

/** How the owner of an upload and the upload itself talk to each other. */
export interface UploadControl {
  /** Stops the upload. */
  readonly signal: AbortSignal;
  readonly window: UploadWindow;
  /** Called with the session, once or more. */
  readonly onSession: (uploadId: string) => void;
}

/** A published file, and whether its content was on the server before. */
interface Published {
  readonly file: FileInfo;
  readonly deduplicated: boolean;
}

/** Uploads `source` and returns when it is published, over as many connections as that takes. */
export async function runUpload(
  deps: FilesDeps,
  source: UploadSource,
  options: UploadOptions,
  control: UploadControl,
): Promise<UploadResult> {
  const chunkBytes = chunkBytesOf(options);
  await using bytes = await openUploadSource(source, chunkBytes);
  const sizeBytes = sizeOf(bytes, options);
  const content = new UploadContent(bytes, chunkBytes, sizeBytes);
  const session = new UploadSessionHandle(deps.rpc, options, sizeBytes, memoryOf(bytes, options, deps.target));
  try {
    const result = await new UploadRun(deps, options, control, session, content).untilPublished();
    // Published is published; a session that is still remembered is found complete the next time.
    await session.forget().catch(() => {});
    return result;
  } finally {
    content.close();
  }
}

class UploadRun {
  readonly #deps: FilesDeps;
  readonly #options: UploadOptions;
  readonly #control: UploadControl;
  readonly #session: UploadSessionHandle;
  readonly #content: UploadContent;
  readonly #loop: ResumeLoop;
  #meter: RateMeter | undefined;

  constructor(
    deps: FilesDeps,
    options: UploadOptions,
    control: UploadControl,
    session: UploadSessionHandle,
    content: UploadContent,
  ) {
    this.#deps = deps;
    this.#options = options;
    this.#control = control;
    this.#session = session;
    this.#content = content;
    this.#loop = deps.openResumeLoop({ policy: options.resume, signal: control.signal });
  }

  async untilPublished(): Promise<UploadResult> {
    const { signal, window } = this.#control;
    for (;;) {
      try {
        await this.#untilResumed();
        return this.#finish(await this.#attempt());
      } catch (error) {
        // A failure of the source or of a callback is thrown again, as it is.
        await this.#loop.waitAfter(signal.aborted ? cancelledBy(signal, METHOD) : error, String(window.committedBytes));
      }
    }
  }

  async #untilResumed(): Promise<void> {
    const { signal, window } = this.#control;
    if (!window.isPaused) return;
    await window.untilResumed(signal);
    this.#loop.progressed(); // time that passed on purpose does not count
  }

  async #attempt(): Promise<Published> {
    const call = { signal: this.#control.signal, ...headersOf(this.#options) };
    const session = await this.#session.load(call);
    this.#control.onSession(session.uploadId);
    // The answer of an earlier stream may have been lost after it had published the file.
    if (session.state === UploadState.COMPLETE) return { file: toFileInfo(session.file), deduplicated: false };
    this.#goOnFrom(session);
    const task = {
      uploadId: session.uploadId,
      content: this.#content,
      window: this.#control.window,
      onSent: () => this.#report(),
      onCommitted: (committedBytes: number) => this.#commit(committedBytes),
    };
    const { file, deduplicated } = await writeOverStream(this.#deps.rpc, task, call);
    return { file: toFileInfo(file), deduplicated };
  }

  #goOnFrom({ state, committedSize }: UploadSession): void {
    if (state === UploadState.ABORTED) {
      throw new AbortedError("the upload session was cancelled or its checksum did not match", { origin: "server" });
    }
    const { committedBytes } = this.#control.window;
    if (committedSize < committedBytes) {
      const message = `the server has ${String(committedSize)} bytes but had acknowledged ${String(committedBytes)}`;
      throw new DataLossError(message, { origin: "server" });
    }
    this.#meter ??= new RateMeter(this.#deps.clock, committedSize);
    this.#commit(committedSize);
  }

  #commit(committedBytes: number): void {
    if (!this.#control.window.commit(committedBytes)) return;
    this.#content.release(committedBytes);
    this.#loop.progressed();
    this.#report();
  }

  #report(): void {
    const { sentBytes, committedBytes } = this.#control.window;
    const totalBytes = this.#content.sizeBytes;
    this.#options.onProgress?.({
      sentBytes: Math.max(sentBytes, committedBytes),
      committedBytes,
      ...(totalBytes !== undefined && { totalBytes }),
      bytesPerSecond: this.#meter?.rateAt(committedBytes) ?? 0,
    });
  }

  #finish({ file, deduplicated }: Published): UploadResult {
    const { sha256 } = this.#content;
    if (sha256 !== undefined && sha256 !== file.sha256) {
      const metadata = { expected: sha256, actual: file.sha256 };
      const details = { metadata, unknown: [] };
      throw new DataLossError("the published file is not what was sent", { origin: "server", details });
    }
    this.#control.window.commit(file.size);
    this.#report();
    const { attempts } = this.#loop;
    const { resentBytes } = this.#control.window;
    const { fileId, filename, size } = file;
    return { fileId, filename, size, sha256: file.sha256, file, deduplicated, attempts, resentBytes };
  }
}

function chunkBytesOf({ chunkBytes = DEFAULT_CHUNK_BYTES }: UploadOptions): number {
  if (Number.isInteger(chunkBytes) && chunkBytes >= MIN_CHUNK_BYTES && chunkBytes <= MAX_CHUNK_BYTES) return chunkBytes;
  const range = `${String(MIN_CHUNK_BYTES)} to ${String(MAX_CHUNK_BYTES)}`;
  throw new RangeError(`chunkBytes is ${String(chunkBytes)}, not ${range}`);
}

function sizeOf(source: ByteSource, { size = source.size }: UploadOptions): number | undefined {
  if (source.size === undefined || source.size === size) return size;
  throw new SourceChangedError(`the source has ${String(source.size)} bytes, not ${String(size)}`);
}

function memoryOf(source: ByteSource, { resume, filename }: UploadOptions, target: string): UploadMemory | undefined {
  if (!resume || resume.store === undefined) return undefined;
  const key = resume.key ?? source.fingerprint;
  return key === undefined
    ? undefined
    : { store: resume.store, key: JSON.stringify(["upload", target, filename, key]) };
}

function headersOf({ headers }: UploadOptions): Pick<UploadOptions, "headers"> {
  return headers === undefined ? {} : { headers };
}
