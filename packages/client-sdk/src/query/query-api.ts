import type { CallOptions } from "../options.js";
import type { ResumingRpc } from "../rpc/resuming-rpc.js";
import { cancelQuery } from "./cancel-query.js";
import { describe } from "./describe.js";
import { execute } from "./execute.js";
import { openSession } from "./open-session.js";
import { listRunning } from "./list-running.js";
import { listTables } from "./list-tables.js";
import type {
  ExecuteQueryOptions,
  QueryColumn,
  QueryOptions,
  QueryResult,
  QueryRow,
  QuerySessionOptions,
  QueryTable,
  RunningQuery,
} from "./types.js";

/** What the operations on queries are made of. */
export type QueryDeps = Omit<ResumingRpc, "clock">;

/** SQL over what the server keeps: `SELECT … FROM items`, `events`, `files`, `chat_messages`, `metrics`. It only reads. */
export interface QueryApi {
  /** A session: several queries over one stream, which is opened with the first. */
  session(options?: QuerySessionOptions): QuerySession;
  /**
   * Runs one query over a stream of its own.
   *
   * @throws {StreamingError} from the loop: INVALID_ARGUMENT (INVALID_QUERY) for a statement that is none,
   *   PERMISSION_DENIED (QUERY_NOT_READ_ONLY) for one that may not be run, DEADLINE_EXCEEDED (QUERY_TIMEOUT) if it took
   *   too long, RESOURCE_EXHAUSTED (QUERY_LIMIT) if it needed too much memory, CANCELLED (QUERY_CANCELLED) if somebody
   *   else stopped it, FAILED_PRECONDITION (FEATURE_DISABLED) if the server runs no queries
   */
  execute<R = QueryRow>(sql: string, options?: ExecuteQueryOptions): QueryResult<R>;
  /** What the result of a statement would be like. It is not run. @throws {StreamingError} as `execute` */
  describe(
    sql: string,
    options?: Pick<ExecuteQueryOptions, "params" | "signal" | "headers" | "resume">,
  ): Promise<readonly QueryColumn[]>;
  /** What statements can read. */
  tables(options?: CallOptions): Promise<readonly QueryTable[]>;
  /** The caller's queries that run, oldest first: of this client and of others. */
  running(options?: CallOptions): Promise<readonly RunningQuery[]>;
  /** Stops one of {@link running}. Returns whether it was running. */
  cancel(runningId: string, options?: CallOptions): Promise<boolean>;
}

/**
 * Several queries at the same time over one stream; the server runs four of them at a time (unless configured), more
 * wait and are tried again. Each has rows waiting for its own reader, so one that is not read does not hold up the
 * others. Disposing of the session stops what still runs.
 */
export interface QuerySession extends AsyncDisposable {
  /** Begins a query. @throws {StreamingError} from the loop, as {@link QueryApi.execute} */
  query<R = QueryRow>(sql: string, options?: QueryOptions): QueryResult<R>;
}

/** The object behind `client.query`. */
export function createQueryApi(deps: QueryDeps): QueryApi {
  return {
    session: (options) => openSession(deps, options),
    execute: (sql, options) => execute(deps, sql, options),
    describe: (sql, options) => describe(deps, sql, options),
    tables: (options) => listTables(deps, options),
    running: (options) => listRunning(deps, options),
    cancel: (runningId, options) => cancelQuery(deps, runningId, options),
  };
}
