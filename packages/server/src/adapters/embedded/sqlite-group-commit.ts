/** The loop of a thread that writes a database. Imports only node: modules and what does so too. */
import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { parentPort } from "node:worker_threads";

import type { Answer, Numbered } from "./sqlite-thread.js";

/** Largest write-ahead log, in bytes: beyond it a commit waits for readers, for a moment, so that it can begin anew. */
const MAX_WAL_BYTES = 64 * 1024 * 1024;

/** What is written before that is tried again, if someone reads for longer. */
const WAL_RETRY_BYTES = 8 * 1024 * 1024;

/** What a request gives that goes on in a later transaction, and is not answered yet. */
export const GOES_ON: unique symbol = Symbol("goes on");

/** What the threads of the stores tell of a failure, at least. */
interface WriteFailure {
  readonly kind: string;
}

/** What differs from store to store. */
export interface GroupCommits<Request extends { readonly kind: string }, Failure extends WriteFailure> {
  readonly database: DatabaseSync;
  /** Where the database is. */
  readonly path: string;
  /** Does what is asked, within a transaction. */
  readonly run: (request: Exclude<Request, { kind: "close" }>) => unknown;
  /** Writes what was put off, before the transaction is committed. */
  readonly flush: () => void;
  /** Reads anew what is in memory of the database, after a transaction was rolled back. */
  readonly forget: () => void;
  /** What an error means; `full`: over once there is space. */
  readonly failureOf: (error: unknown) => Failure;
  /** What is told once the database could not be made durable. */
  readonly unavailable: (message: string) => Failure;
  /** Requests of this kind have a transaction of their own, after that of the others. Default: none. */
  readonly apart?: Request["kind"];
}

/**
 * Answers what comes in, in order, and says `ready` before. All that queued up while one transaction ran shares the next one, and its
 * one fsync; it is all done or nothing of it. A full disk fails the transaction that meets it. After any other failure
 * nobody knows what is on the disk, and nothing is acknowledged any more.
 */
export function serveCommits<Request extends { readonly kind: string }, Failure extends WriteFailure>(
  commits: GroupCommits<Request, Failure>,
  ready: unknown,
): void {
  const committer = new GroupCommitter(commits);
  parentPort?.on("message", (message: Numbered<Request>) => committer.take(message));
  parentPort?.postMessage(ready);
}

class GroupCommitter<Request extends { readonly kind: string }, Failure extends WriteFailure> {
  readonly #commits: GroupCommits<Request, Failure>;
  readonly #queue: Numbered<Request>[] = [];
  /** Set once the database could not be made durable. */
  #broken: Failure | undefined;
  /** Size from which on the write-ahead log is made to begin anew. */
  #walLimit = MAX_WAL_BYTES;
  /** The request to close, once it has come. */
  #closing: number | undefined;

  constructor(commits: GroupCommits<Request, Failure>) {
    this.#commits = commits;
  }

  take(task: Numbered<Request>): void {
    if (task.request.kind !== "close") return this.#enqueue(task);
    this.#closing = task.id;
    if (this.#queue.length === 0) this.#close(task.id);
  }

  #enqueue(task: Numbered<Request>): void {
    this.#queue.push(task);
    if (this.#queue.length === 1) setImmediate(() => this.#runQueued()); // after all messages that have come in
  }

  #runQueued(): void {
    const { apart } = this.#commits;
    const group = this.#queue.splice(0);
    const isApart = ({ request }: Numbered<Request>): boolean => request.kind === apart;
    for (const part of [group.filter((task) => !isApart(task)), group.filter(isApart)]) {
      for (const answer of this.#transact(part)) post(answer);
    }
    if (this.#broken === undefined) this.#limitWal();
    if (this.#queue.length === 0 && this.#closing !== undefined) this.#close(this.#closing);
  }

  #transact(group: readonly Numbered<Request>[]): readonly Answer<Failure>[] {
    if (group.length === 0) return [];
    if (this.#broken !== undefined) return failAll(group, this.#broken);
    const { database, run, flush } = this.#commits;
    try {
      database.exec("BEGIN IMMEDIATE");
      const results = group.map(({ request }) => run(request as Exclude<Request, { kind: "close" }>));
      flush();
      database.exec("COMMIT");
      for (const [index, task] of group.entries()) if (results[index] === GOES_ON) this.#enqueue(task);
      return group.map(({ id }, index) => ({ id, result: results[index] })).filter(({ result }) => result !== GOES_ON);
    } catch (error) {
      return failAll(group, this.#abandon(error));
    }
  }

  #abandon(error: unknown): Failure {
    const { database, forget, failureOf, unavailable } = this.#commits;
    const failure = failureOf(error);
    if (failure.kind !== "full") this.#broken = unavailable(String(error));
    try {
      if (database.isTransaction) database.exec("ROLLBACK");
      forget();
    } catch (rollbackError) {
      this.#broken = unavailable(String(rollbackError));
    }
    return this.#broken ?? failure;
  }

  /** Readers that follow each other closely keep the log from beginning anew: then it is time to wait for them. */
  #limitWal(): void {
    const { database, path } = this.#commits;
    const size = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    if (size <= MAX_WAL_BYTES) this.#walLimit = MAX_WAL_BYTES;
    if (size <= this.#walLimit) return;
    try {
      database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      this.#walLimit = size + WAL_RETRY_BYTES;
    } catch (error) {
      this.#abandon(error);
    }
  }

  #close(id: number): void {
    this.#commits.database.close();
    post({ id });
    parentPort?.close();
  }
}

/** Buffers are transferred instead of copied. */
function post(answer: Answer<unknown>): void {
  parentPort?.postMessage(answer, answer.result instanceof ArrayBuffer ? [answer.result] : []);
}

function failAll<Failure>(group: readonly Numbered<unknown>[], failure: Failure): Answer<Failure>[] {
  return group.map(({ id }) => ({ id, failure }));
}
