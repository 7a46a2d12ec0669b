/** What a server and the processes that run queries say to each other. Imports only types. */
import type { QueryBatch, QueryReadLimits, QueryStatement } from "../../ports/query-engine.js";
import type { QueryTableColumn } from "../../ports/query-tables.js";

/** Where the data is. */
export interface QueryFiles {
  readonly records: string;
  readonly events: string;
  readonly items: string;
  readonly metrics: string;
}

/** What one process may use. */
export interface QueryProcessLimits {
  /** Statement, in bytes. */
  readonly maxSqlBytes: number;
  /** A value or a row, in bytes. */
  readonly maxValueBytes: number;
  /** Resident memory, in bytes: a process that has more ends itself. */
  readonly maxResidentBytes: number;
}

/** First message to a process. */
export interface QueryProcessSetup {
  readonly files: QueryFiles;
  readonly limits: QueryProcessLimits;
}

/** Requests are answered one by one. */
export type QueryProcessRequest =
  | { readonly kind: "open"; readonly statement: QueryStatement; readonly describeOnly: boolean }
  | { readonly kind: "read"; readonly limits: QueryReadLimits }
  /** Ends the statement, whether it is done or not. */
  | { readonly kind: "close" };

/** What went wrong, as callers are told; `unforeseen` is not told to them. */
export interface QueryFailure {
  readonly reason:
    | "INVALID_QUERY"
    | "QUERY_NOT_READ_ONLY"
    | "QUERY_LIMIT"
    | "CORRUPT_DATA"
    | "BACKEND_UNAVAILABLE"
    | "unforeseen";
  readonly message: string;
}

export type QueryProcessAnswer =
  /** Also the first message of a process, once it is locked down. */
  | { readonly kind: "ready" }
  | { readonly kind: "opened"; readonly columns: readonly QueryTableColumn[]; readonly parameterCount: number }
  | ({ readonly kind: "rows" } & QueryBatch)
  | { readonly kind: "failed"; readonly failure: QueryFailure };

/** What the thread that starts a process is told about it; first of all, its setup. */
export type QueryProcessOrder =
  | { readonly kind: "say"; readonly message: QueryProcessSetup | QueryProcessRequest }
  | { readonly kind: "kill" };

/** What that thread tells of the process, in this order. */
export type QueryProcessNotice =
  | { readonly kind: "started"; readonly pid: number }
  | { readonly kind: "answer"; readonly answer: QueryProcessAnswer }
  /** It is gone, or could not be started; `lastWords`: what it wrote about its troubles, or the thread did. */
  | { readonly kind: "ended"; readonly signal: NodeJS.Signals | null; readonly lastWords: string };

/** With this signal a process ends itself that has used too much memory. */
export const MEMORY_SIGNAL = "SIGUSR2";
