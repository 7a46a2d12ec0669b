import { type Clock, systemClock } from "../ports/clock.js";
import type { QueryEngine } from "../ports/query-engine.js";
import { type Logger, silentLogger } from "../rpc/logger.js";

import type { QueryDeps, QueryLimits } from "./query-deps.js";
import { resolveQueryLimits } from "./query-limits.js";
import { RunningQueries } from "./running-queries.js";

export interface QueriesOptions {
  /** Makes what runs the queries; `undefined`: there are none. */
  readonly openQueryEngine:
    | ((use: { readonly maxProcesses: number; readonly maxResidentBytes: number }) => QueryEngine)
    | undefined;
  /** Whether anonymous callers may use the chat. */
  readonly allowAnonymous: boolean;
  /** Default: the machine's. */
  readonly clock?: Clock;
  readonly limits?: Partial<QueryLimits>;
  /** Default: none. */
  readonly log?: Logger;
}

/** The queries of a server. Disposing of them ends all processes that run some. */
export interface Queries extends QueryDeps, AsyncDisposable {}

/** Opens the query domain. No process is started before the first query. */
export function openQueries(options: QueriesOptions): Queries {
  const { openQueryEngine, allowAnonymous, clock = systemClock, log: logger = silentLogger } = options;
  const limits = resolveQueryLimits("limits", options.limits);
  const { maxQueryProcesses: maxProcesses, maxQueryMemoryBytes: maxResidentBytes } = limits;
  const engine = openQueryEngine?.({ maxProcesses, maxResidentBytes });
  const running = new RunningQueries(clock);
  const dispose = async (): Promise<void> => engine?.[Symbol.asyncDispose]();
  return { engine, limits, running, allowAnonymous, clock, logger, [Symbol.asyncDispose]: dispose };
}
