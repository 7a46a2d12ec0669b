import { msOfDuration, QueryServiceDefinition, toDate } from "@millrace/shared-types";

import type { CallOptions } from "../options.js";
import { checkCall } from "./check-query-options.js";
import type { QueryDeps } from "./query-api.js";
import type { RunningQuery } from "./types.js";

/** The caller's queries that run. See {@link QueryApi.running}. */
export async function listRunning({ rpc }: QueryDeps, options: CallOptions = {}): Promise<readonly RunningQuery[]> {
  checkCall(options);
  const { queries } = await rpc.unary(QueryServiceDefinition, QueryServiceDefinition.methods.listQueries, {}, options);
  return queries.map(({ runningId, query: sql, startTime, progress }) => ({
    runningId,
    sql,
    startedAt: startTime === undefined ? new Date(0) : toDate(startTime),
    rowsSent: progress?.rowsSent ?? 0,
    elapsedMs: progress?.elapsed === undefined ? 0 : msOfDuration(progress.elapsed),
  }));
}
