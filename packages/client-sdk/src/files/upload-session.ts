import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";

import {
  durationOfMs,
  FileServiceDefinition,
  FileSpec,
  StatusCode,
  type UploadSession,
  UploadState,
} from "@millrace/shared-types";

import { StreamingError } from "../errors.js";
import type { CallOptions } from "../options.js";
import type { Rpc } from "../rpc/rpc.js";
import { answerOf } from "./answer-of.js";
import { present } from "./file-info.js";
import type { ResumeStore } from "./resume-store.js";
import type { UploadOptions } from "./types.js";

const { createUpload, getUpload } = FileServiceDefinition.methods;

/** Where a session is remembered; `undefined`: nowhere. */
export interface UploadMemory {
  readonly store: ResumeStore;
  readonly key: string;
}

/** The upload session of one upload: made once, found again after failures and restarts. */
export class UploadSessionHandle {
  readonly #rpc: Rpc;
  readonly #options: UploadOptions;
  readonly #sizeBytes: number | undefined;
  readonly #memory: UploadMemory | undefined;
  /** Makes a repeated CreateUpload return the same session. */
  readonly #idempotencyKey = randomUUID();
  #uploadId: string | undefined;

  constructor(rpc: Rpc, options: UploadOptions, sizeBytes: number | undefined, memory: UploadMemory | undefined) {
    this.#rpc = rpc;
    this.#options = options;
    this.#sizeBytes = sizeBytes;
    this.#memory = memory;
  }

  /** The session as the server has it now; makes it if there is none. Not retried here. */
  async load(call: CallOptions): Promise<UploadSession> {
    const session =
      this.#uploadId === undefined
        ? ((await this.#recall(call)) ?? (await this.#create(call)))
        : await this.#get(this.#uploadId, call);
    this.#uploadId = session.uploadId;
    return session;
  }

  /** The session is of no more use to a later process. */
  async forget(): Promise<void> {
    await this.#memory?.store.delete(this.#memory.key);
  }

  /** The session of an earlier process, if it can still be continued and makes the file that is wanted now. */
  async #recall(call: CallOptions): Promise<UploadSession | undefined> {
    const uploadId = await this.#memory?.store.get(this.#memory.key);
    if (uploadId === undefined) return undefined;
    try {
      const session = await this.#get(uploadId, call);
      if (session.state !== UploadState.ABORTED && isDeepStrictEqual(session.spec, this.#spec())) return session;
    } catch (error) {
      if (!(StreamingError.is(error) && error.code === StatusCode.NOT_FOUND)) throw error;
    }
    await this.forget();
    return undefined;
  }

  async #create(call: CallOptions): Promise<UploadSession> {
    const request = { spec: this.#spec(), idempotencyKey: this.#idempotencyKey };
    const options = { ...call, retry: false } as const;
    const { upload } = await answerOf(this.#rpc.unary(FileServiceDefinition, createUpload, request, options));
    const session = present(upload, "upload");
    await this.#memory?.store.set(this.#memory.key, session.uploadId);
    return session;
  }

  #spec(): FileSpec {
    const {
      filename,
      contentType = "application/octet-stream",
      metadata = {},
      ifGenerationMatch,
      ttlMs,
    } = this.#options;
    return FileSpec.fromPartial({
      filename,
      contentType,
      metadata: new Map(Object.entries(metadata)),
      ifGenerationMatch,
      totalSize: this.#sizeBytes ?? 0,
      ttl: ttlMs === undefined ? undefined : durationOfMs(ttlMs),
    });
  }

  async #get(uploadId: string, call: CallOptions): Promise<UploadSession> {
    const options = { ...call, retry: false } as const;
    const { upload } = await answerOf(this.#rpc.unary(FileServiceDefinition, getUpload, { uploadId }, options));
    return present(upload, "upload");
  }
}
