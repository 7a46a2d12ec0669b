import type { QueryTableColumn, QueryTableInfo } from "./query-tables.js";

/** A value in a statement or a row. Integers are bigints: all 64 bits of them. */
export type QueryScalar = null | bigint | number | string | Uint8Array;

/** On whose behalf a query runs: decides which rows it can see. */
export interface QueryScope {
  /** Identity of the caller; empty if anonymous. Owns files and is a member of rooms. */
  readonly callerId: string;
  /** Whether the caller may use the chat. */
  readonly mayChat: boolean;
  /** What has expired by then is not there; milliseconds since 1970. */
  readonly nowMs: number;
}

/** One statement. */
export interface QueryStatement {
  readonly sql: string;
  /** Values of `$1`, `$2` and so on. */
  readonly parameters: readonly QueryScalar[];
  readonly scope: QueryScope;
}

/** What a read returns at most; one row is returned in any case. */
export interface QueryReadLimits {
  readonly maxRows: number;
  readonly maxBytes: number;
}

export interface QueryBatch {
  readonly rows: readonly (readonly QueryScalar[])[];
  /** Of the values, about. */
  readonly bytes: number;
  /** There are no more rows. */
  readonly done: boolean;
}

/**
 * A statement that runs. Rows are made when they are asked for, of what was stored when it was opened. Disposing of
 * it stops it.
 */
export interface OpenQuery extends AsyncDisposable {
  /** No two have the same name. */
  readonly columns: readonly QueryTableColumn[];
  readonly parameterCount: number;
  /**
   * The next rows. One call at a time.
   *
   * @throws ServiceError as {@link QueryEngine.open}
   */
  read(limits: QueryReadLimits): Promise<QueryBatch>;
}

/** Runs statements of callers, who are not trusted. */
export interface QueryEngine extends AsyncDisposable {
  /** What statements can read. */
  readonly tables: readonly QueryTableInfo[];
  /** Makes ready for queries that are about to come. */
  prewarm(): void;
  /**
   * Begins to run a statement. When `signal` aborts it is stopped, whatever it does, and what waits for it rejects
   * with the signal's reason.
   *
   * @throws ServiceError `INVALID_QUERY`, `QUERY_NOT_READ_ONLY`, `QUERY_LIMIT`, `CORRUPT_DATA`, `BACKEND_UNAVAILABLE`
   */
  open(statement: QueryStatement, signal: AbortSignal): Promise<OpenQuery>;
  /** As `open`, but only says what the result would be like. */
  describe(statement: QueryStatement, signal: AbortSignal): Promise<Pick<OpenQuery, "columns" | "parameterCount">>;
}
