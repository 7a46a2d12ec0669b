import { open } from "node:fs/promises";
import type { Worker } from "node:worker_threads";

import { ServiceError } from "@millrace/shared-types";

import type { Mutation, RecordStore, ScanOptions, StoredRecord } from "../../ports/record-store.js";
import { VersionConflict } from "../../ports/record-store.js";

import type {
  NumberedRequest,
  RecordAnswer,
  RecordFailure,
  RecordRequest,
  RecordWorkerData,
} from "./sqlite-record-protocol.js";
import { firstMessage, startWorker } from "./worker-thread.js";

interface Waiter {
  readonly request: RecordRequest;
  readonly resolve: (records: readonly StoredRecord[]) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Records in a SQLite database (write-ahead log, `synchronous=FULL`), in a thread of its own so
 * that an fsync never stops the event loop. Concurrent commits share one fsync.
 *
 * A full disk fails the commits that meet it; after any other failure to write, nothing more is
 * acknowledged until the store is opened anew.
 */
export class SqliteRecordStore implements RecordStore {
  readonly #worker: Worker;
  readonly #waiters = new Map<number, Waiter>();
  #nextId = 1;
  #closed: Promise<void> | undefined;
  #crash: Error | undefined;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on("message", (answer: RecordAnswer) => this.#settle(answer));
    worker.on("error", (error: Error) => this.#failAll(error));
    worker.on("exit", () => this.#failAll(new Error("the thread of the record store ended")));
    worker.unref(); // an idle store does not keep the process alive
  }

  /**
   * Opens the database at `path`, making it (readable by this user only) if it is not there.
   *
   * @throws Error if it is not a database or was written by a newer version
   */
  static async open(path: string): Promise<SqliteRecordStore> {
    await (await open(path, "a", 0o600)).close(); // SQLite gives its other files the same mode
    const worker = startWorker("sqlite-record-worker", { path } satisfies RecordWorkerData);
    await firstMessage(worker);
    return new SqliteRecordStore(worker);
  }

  async get(collection: string, key: string): Promise<StoredRecord | undefined> {
    const [record] = await this.#ask({ kind: "get", collection, key });
    return record;
  }

  scan(collection: string, options: ScanOptions): Promise<readonly StoredRecord[]> {
    return this.#ask({ kind: "scan", collection, options });
  }

  async commit(mutations: readonly Mutation[]): Promise<void> {
    await this.#ask({ kind: "commit", mutations });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#ask({ kind: "close" }).catch(() => {}); // it crashed: nothing is left to close
    await this.#worker.terminate();
  }

  #ask(request: RecordRequest): Promise<readonly StoredRecord[]> {
    if (this.#closed !== undefined || this.#crash !== undefined) return Promise.reject(unavailable(this.#crash));
    return new Promise((resolve, reject) => {
      const id = this.#nextId;
      this.#nextId += 1;
      if (this.#waiters.size === 0) this.#worker.ref();
      this.#waiters.set(id, { request, resolve, reject });
      this.#worker.postMessage({ id, request } satisfies NumberedRequest);
    });
  }

  #settle({ id, records = [], failure }: RecordAnswer): void {
    const waiter = this.#waiters.get(id);
    if (waiter === undefined) return;
    this.#waiters.delete(id);
    if (this.#waiters.size === 0) this.#worker.unref();
    if (failure === undefined) waiter.resolve(records);
    else waiter.reject(errorOf(failure, waiter.request));
  }

  #failAll(error: Error): void {
    this.#crash ??= error;
    for (const waiter of this.#waiters.values()) waiter.reject(unavailable(this.#crash));
    this.#waiters.clear();
  }
}

function errorOf(failure: RecordFailure, request: RecordRequest): Error {
  if (failure.kind === "full") {
    return new ServiceError("QUOTA_EXCEEDED", "the disk of the server is full", { cause: failure.message });
  }
  const mutation =
    failure.kind === "conflict" && request.kind === "commit" ? request.mutations[failure.index] : undefined;
  if (failure.kind === "conflict" && mutation !== undefined)
    return new VersionConflict(mutation, failure.actualVersion);
  return unavailable(failure);
}

function unavailable(cause: unknown): ServiceError {
  return new ServiceError("BACKEND_UNAVAILABLE", "the server cannot use its records", { cause, retryAfterMs: 1000 });
}
