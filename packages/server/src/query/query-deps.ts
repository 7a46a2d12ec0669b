import type { Clock } from "../ports/clock.js";
import type { QueryEngine } from "../ports/query-engine.js";
import type { Logger } from "../rpc/logger.js";

import type { RunningQueries } from "./running-queries.js";

/** What queries may be, and use. */
export interface QueryLimits {
  /** A statement, in bytes. */
  readonly maxQueryBytes: number;
  /** Longest run of a query, waiting for its reader included, in milliseconds. Also the default. */
  readonly maxQueryMs: number;
  /** Rows of a result. Also the default. */
  readonly maxQueryRows: number;
  /** Queries at the same time on one stream. */
  readonly maxConcurrentQueries: number;
  /** Queries at the same time on the server, each in a process of its own; who comes later waits. */
  readonly maxQueryProcesses: number;
  /** Resident memory of such a process, in bytes, about 60 MiB of which it needs for itself. */
  readonly maxQueryMemoryBytes: number;
}

/** What every operation on queries works with. */
export interface QueryDeps {
  /** `undefined`: the server's stores cannot be queried. */
  readonly engine: QueryEngine | undefined;
  readonly limits: QueryLimits;
  readonly running: RunningQueries;
  /** Whether anonymous callers may use the chat, and so see what is said there. */
  readonly allowAnonymous: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}
