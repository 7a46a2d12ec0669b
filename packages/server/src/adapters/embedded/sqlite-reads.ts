/** The loop of a thread that reads a database, beside the one that writes it. Imports only node: modules and what does so too. */
import type { DatabaseSync } from "node:sqlite";
import { parentPort } from "node:worker_threads";

import type { Answer, Numbered } from "./sqlite-thread.js";

/** What differs from store to store. */
export interface Reads<Request extends { readonly kind: string }, Failure> {
  readonly database: DatabaseSync;
  /** Answers a request. */
  readonly run: (request: Exclude<Request, { kind: "close" }>) => unknown;
  readonly failureOf: (error: unknown) => Failure;
}

/** Answers what comes in, in order, and says `ready` before. Buffers named `records` are transferred instead of copied. */
export function serveReads<Request extends { readonly kind: string }, Failure>({
  database,
  run,
  failureOf,
}: Reads<Request, Failure>): void {
  const answerTo = ({ id, request }: Numbered<Request>): Answer<Failure> => {
    try {
      if (request.kind !== "close") return { id, result: run(request as Exclude<Request, { kind: "close" }>) };
      database.close();
      setImmediate(() => parentPort?.close());
      return { id };
    } catch (error) {
      return { id, failure: failureOf(error) };
    }
  };
  parentPort?.on("message", (message: Numbered<Request>) => {
    const answer = answerTo(message);
    parentPort?.postMessage(answer, recordsOf(answer.result));
  });
  parentPort?.postMessage("ready");
}

/** All that `work` reads is of one state of the database. */
export function inReadTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec("BEGIN");
  try {
    return work();
  } finally {
    database.exec("ROLLBACK");
  }
}

function recordsOf(result: unknown): ArrayBuffer[] {
  const records = typeof result === "object" && result !== null && "records" in result ? result.records : undefined;
  return records instanceof ArrayBuffer ? [records] : [];
}
