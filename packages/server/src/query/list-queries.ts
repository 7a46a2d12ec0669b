import { type ListQueriesRequest, type ListQueriesResponse, timestampOfMs } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { QueryDeps } from "./query-deps.js";
import { progressOf } from "./run-query.js";

/** Of each statement, in characters. */
const MAX_STATEMENT_CHARS = 1024;

/** Lists the queries that the caller runs, oldest first. */
export async function listQueries(
  _request: ListQueriesRequest,
  { principal }: CallContext,
  { running }: QueryDeps,
): Promise<ListQueriesResponse> {
  const queries = running.ofCaller(principal.id).map((query) => ({
    runningId: query.runningId,
    queryId: query.facts.queryId,
    query: query.facts.sql.slice(0, MAX_STATEMENT_CHARS).toWellFormed(),
    userId: query.facts.callerId,
    startTime: timestampOfMs(query.startedAt),
    progress: progressOf(query),
  }));
  return Promise.resolve({ queries });
}
