import type { FileHandle } from "node:fs/promises";
import { access, mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

import type { ServiceError } from "@millrace/shared-types";
import { resourceNotFound } from "@millrace/shared-types";

import type { BlobRange, BlobStore } from "../../ports/blob-store.js";

import { makeFolder, syncFolder } from "./durable-files.js";
import type { FailpointHook } from "./fs-staged-blob.js";
import { FsStagedBlob } from "./fs-staged-blob.js";
import type { ReadBlobOptions } from "./read-blob.js";
import { readBlob } from "./read-blob.js";
import { isMissing, storageError } from "./storage-error.js";

export interface FsBlobStoreOptions {
  /** For crash tests: called between disk operations. */
  readonly hook?: FailpointHook;
}

const STAGING_ID = /^[a-z0-9]{1,64}$/;
/** 00 to ff. */
const SHARDS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const SHA256 = /^[0-9a-f]{64}$/;

/**
 * Blobs as files: `staging/<id>` while they arrive, then `blobs/<2 hex>/<sha256>`, by a rename.
 * No part of a path ever comes from a user. One process at a time may use a folder.
 */
export class FsBlobStore implements BlobStore {
  readonly #staging: string;
  readonly #blobs: string;
  readonly #hook: FailpointHook;
  #broken: ServiceError | undefined;
  /** The present holder of each staging file, perhaps still opening. */
  readonly #holders = new Map<string, Promise<FsStagedBlob | undefined>>();

  constructor(folder: string, options: FsBlobStoreOptions = {}) {
    this.#staging = join(folder, "staging");
    this.#blobs = join(folder, "blobs");
    this.#hook = options.hook ?? (() => {});
  }

  /** Opens the store in `folder`, making it if it is not there. */
  static async open(folder: string, options: FsBlobStoreOptions = {}): Promise<FsBlobStore> {
    const store = new FsBlobStore(folder, options);
    await makeFolder(store.#staging);
    await makeFolder(store.#blobs);
    // All of them now, so that no publication has to make the name of a folder durable.
    const there = new Set(await readdir(store.#blobs));
    const missing = SHARDS.filter((shard) => !there.has(shard));
    await Promise.all(missing.map((shard) => mkdir(join(store.#blobs, shard), { mode: 0o700 })));
    await syncFolder(store.#blobs);
    return store;
  }

  async stage(stagingId: string): Promise<FsStagedBlob> {
    const path = this.#pathOfStaging(stagingId);
    return this.#takeOver(stagingId, (onEnd) =>
      FsStagedBlob.open({
        path,
        pathOfBlob: (sha256) => this.#pathOfBlob(sha256),
        hasBlob: (sha256) => this.has(sha256),
        onEnd,
        syncFolder: (folder) => this.#syncFolder(folder),
        hook: this.#hook,
      }),
    );
  }

  async discard(stagingId: string): Promise<void> {
    const path = this.#pathOfStaging(stagingId);
    await this.#takeOver(stagingId, async (onEnd) => {
      await rm(path, { force: true }).catch(failedTo("drop an upload"));
      onEnd();
      return undefined;
    });
  }

  async listStaged(): Promise<readonly string[]> {
    const names = await readdir(this.#staging).catch(failedTo("list uploads"));
    return names.filter((name) => STAGING_ID.test(name));
  }

  async stagedBytes(): Promise<number> {
    let sum = 0;
    for (const id of await this.listStaged()) sum += await sizeOf(this.#pathOfStaging(id));
    return sum;
  }

  async has(sha256: string): Promise<boolean> {
    const path = this.#pathOfBlob(sha256);
    try {
      await access(path);
      await this.#syncFolder(dirname(path)); // whoever renamed it there may have died before
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw storageError(error, "look for content");
    }
  }

  async *read(sha256: string, range: BlobRange, options: ReadBlobOptions): AsyncGenerator<Uint8Array, void, undefined> {
    options.signal.throwIfAborted();
    await using file = await this.#openBlob(sha256);
    const pieces = readBlob(file, range, options);
    try {
      yield* pieces;
    } catch (error) {
      options.signal.throwIfAborted();
      throw storageError(error, "read content");
    }
  }

  async delete(sha256: string): Promise<void> {
    await rm(this.#pathOfBlob(sha256), { force: true }).catch(failedTo("delete content"));
  }

  async list({ after = "", limit }: { readonly after?: string; readonly limit: number }): Promise<readonly string[]> {
    const found: string[] = [];
    for (const shard of SHARDS.filter((name) => name >= after.slice(0, 2))) {
      if (found.length >= limit) break;
      const names = await readdir(join(this.#blobs, shard)).catch(failedTo("list content"));
      found.push(...names.filter((name) => SHA256.test(name) && name > after).sort());
    }
    return found.slice(0, limit);
  }

  /** Closes what is open; staged bytes stay. */
  async [Symbol.asyncDispose](): Promise<void> {
    const holders = await Promise.allSettled(this.#holders.values());
    for (const holder of holders) if (holder.status === "fulfilled") await holder.value?.[Symbol.asyncDispose]();
  }

  /** After a failure nobody knows which names are durable, and the next fsync would not tell: no more then. */
  async #syncFolder(path: string): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    try {
      await syncFolder(path);
    } catch (error) {
      this.#broken = storageError(error, "make names durable");
      throw this.#broken;
    }
  }

  /** Puts a new holder in place once the one before is out. Whoever comes while that goes on waits in line. */
  #takeOver<T extends FsStagedBlob | undefined>(id: string, open: (onEnd: () => void) => Promise<T>): Promise<T> {
    const before = this.#holders.get(id);
    const onEnd = (): void => {
      if (this.#holders.get(id) === holder) this.#holders.delete(id);
    };
    const holder = (async (): Promise<T> => {
      await (await before?.catch(() => undefined))?.preempt();
      return open(onEnd);
    })();
    this.#holders.set(id, holder);
    holder.catch(onEnd);
    return holder;
  }

  async #openBlob(sha256: string): Promise<FileHandle> {
    try {
      return await open(this.#pathOfBlob(sha256), "r");
    } catch (error) {
      throw isMissing(error) ? resourceNotFound("blob", sha256) : storageError(error, "read content");
    }
  }

  #pathOfStaging(id: string): string {
    if (!STAGING_ID.test(id)) throw new RangeError("a staging id is 1 to 64 of a-z and 0-9");
    return join(this.#staging, id);
  }

  #pathOfBlob(sha256: string): string {
    if (!SHA256.test(sha256)) throw new RangeError("a blob is named by 64 lower-case hexadecimal digits");
    return join(this.#blobs, sha256.slice(0, 2), sha256);
  }
}

function failedTo(doing: string): (error: unknown) => never {
  return (error) => {
    throw storageError(error, doing);
  };
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isMissing(error)) return 0; // dropped or published since it was listed
    throw storageError(error, "measure uploads");
  }
}
