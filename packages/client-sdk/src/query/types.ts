import type { CallOptions, ResumePolicy } from "../options.js";

/** Value of a parameter: `$1`, `$2` and so on in the statement. A Date is compared as the timestamps of the tables are. */
export type QueryParameter = null | boolean | number | bigint | string | Uint8Array | Date;

/**
 * Value of a result. Integers beyond 2^53 are bigints, others numbers; timestamps are Dates; columns with JSON are
 * parsed.
 */
export type QueryCell = QueryParameter | JsonValue;

/** What JSON text can say. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** A row: values by name of the column, in the order of the columns. */
export type QueryRow = Readonly<Record<string, QueryCell>>;

/** `any`: the result of an expression. */
export type QueryColumnType = "any" | "bool" | "int" | "double" | "string" | "bytes" | "timestamp" | "json";

export interface QueryColumn {
  /** No two columns of a result have the same. */
  readonly name: string;
  readonly type: QueryColumnType;
}

/** What a result was, told at its end. */
export interface QueryStats {
  readonly rowCount: number;
  /** Of the rows, about. */
  readonly byteCount: number;
  /** On the server, waiting for its reader included, in milliseconds. */
  readonly elapsedMs: number;
  /** There were more rows than `maxRows`, or than the server allows. */
  readonly rowLimitReached: boolean;
}

/** How far a query is. */
export interface QueryProgress {
  readonly rowsSent: number;
  /** Since it began, in milliseconds. */
  readonly elapsedMs: number;
}

export interface QueryOptions {
  /** Values of `$1`, `$2` and so on. */
  readonly params?: readonly QueryParameter[];
  /** Stops the query; its reason is the `cause` of the error. */
  readonly signal?: AbortSignal;
  /** Most rows. Default, and at most: the server's limit (1,000,000 unless configured). */
  readonly maxRows?: number;
  /**
   * Longest run on the server, waiting for its reader included, in milliseconds. Default, and at most: the server's
   * limit (30_000 unless configured).
   */
  readonly timeoutMs?: number;
  /** Called while the query runs, about every `progressMs`, as its rows are asked for. */
  readonly onProgress?: (progress: QueryProgress) => void;
  /** In milliseconds. Default 1000; at least 100. */
  readonly progressMs?: number;
}

export interface QuerySessionOptions extends Pick<CallOptions, "headers"> {
  /**
   * Rows of one query that may wait here for their reader, in bytes as the server counts them, besides the message
   * that reaches the bound. Default 1_048_576.
   */
  readonly maxBufferedBytes?: number;
  /** `false`: the first failure is final. Default: the client's policy, for queries of which no row was handed out. */
  readonly resume?: ResumePolicy | false;
}

export interface ExecuteQueryOptions extends QueryOptions, Pick<CallOptions, "headers"> {
  /** `false`: the first failure is final. Default: the client's policy, until the first row was handed out. */
  readonly resume?: ResumePolicy | false;
}

/** A table that statements can read. */
export interface QueryTable {
  readonly name: string;
  readonly description: string;
  readonly columns: readonly QueryColumn[];
}

/** A query of the caller that runs, in this client or another. */
export interface RunningQuery extends QueryProgress {
  /** For `cancel`. */
  readonly runningId: string;
  /** At most 1024 characters of it. */
  readonly sql: string;
  readonly startedAt: Date;
}

/**
 * The rows of a query, as a stream or, awaited, all at once. The query begins at once. Leaving the loop stops it. It can
 * be read once.
 *
 * A query that is cut off by a lost connection or a restart of the server begins anew by itself as long as no row was
 * handed out; after that it fails with an error that is `retryable`, because nobody knows that the rows would be the
 * same.
 */
export interface QueryResult<R = QueryRow> extends AsyncIterable<R>, PromiseLike<readonly R[]> {
  /** Known before the first row; rejects if the query fails before. Needs no handler. */
  readonly columns: Promise<readonly QueryColumn[]>;
  /** Resolves with the last row; rejects if the query fails or is left early. Needs no handler. */
  readonly stats: Promise<QueryStats>;
  /** Ends the loop silently and stops the query. */
  cancel(): void;
}
