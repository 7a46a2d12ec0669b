/** Failures of statements as callers are told of them. Imports only types. */
import type { QueryFailure } from "./sqlite-query-protocol.js";

/** A failure that is known for what it is. */
export class QueryError extends Error {
  override readonly name = "QueryError";
  readonly reason: QueryFailure["reason"];

  constructor(reason: QueryFailure["reason"], message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Result codes of SQLite, https://sqlite.org/rescode.html, and what they mean for who wrote the statement. */
const BY_CODE: ReadonlyMap<number, QueryFailure["reason"]> = new Map([
  [1, "INVALID_QUERY"], // ERROR
  [5, "BACKEND_UNAVAILABLE"], // BUSY
  [6, "BACKEND_UNAVAILABLE"], // LOCKED
  [7, "QUERY_LIMIT"], // NOMEM
  [8, "QUERY_NOT_READ_ONLY"], // READONLY
  [11, "CORRUPT_DATA"], // CORRUPT
  [18, "QUERY_LIMIT"], // TOOBIG
  [20, "INVALID_QUERY"], // MISMATCH
  [23, "QUERY_NOT_READ_ONLY"], // AUTH
  [25, "INVALID_QUERY"], // RANGE
  [26, "CORRUPT_DATA"], // NOTADB
]);

/** SQLite has the code of any other error for this. */
const FUNCTION_DENIED = "not authorized to use function";

/** In place of what SQLite says, which would be of no use. */
const WORDS: Partial<Record<QueryFailure["reason"], string>> = {
  BACKEND_UNAVAILABLE: "the server cannot read its data now",
  CORRUPT_DATA: "stored data is damaged",
};

/** Words that are the caller's own statement's fault may be SQLite's: a locked down database knows nothing secret. */
export function failureOf(error: unknown): QueryFailure {
  if (error instanceof QueryError) return { reason: error.reason, message: error.message };
  const message = error instanceof Error ? error.message : String(error);
  const code = typeof error === "object" && error !== null && "errcode" in error ? Number(error.errcode) & 0xff : 0;
  const reason = message.startsWith(FUNCTION_DENIED)
    ? "QUERY_NOT_READ_ONLY"
    : (BY_CODE.get(code) ?? reasonWithoutCode(error));
  return { reason, message: WORDS[reason] ?? message };
}

function reasonWithoutCode(error: unknown): QueryFailure["reason"] {
  const isWrongParameter =
    error instanceof Error && "code" in error && error.code === "ERR_INVALID_STATE" && /parameter/i.test(error.message);
  return isWrongParameter ? "INVALID_QUERY" : "unforeseen";
}
