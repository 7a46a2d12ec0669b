import { type ExecuteQueryRequest, type ExecuteQueryResponse, invalidField } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { Credit } from "./credit.js";
import type { QueryDeps } from "./query-deps.js";
import { engineOf, queryPlan } from "./query-plan.js";
import { runQuery } from "./run-query.js";

/**
 * Runs one query. The rows are made as the client takes them.
 *
 * @throws ServiceError `FEATURE_DISABLED`, `INVALID_FIELD`, `LIMIT_EXCEEDED`, and as `runQuery`
 */
export async function* executeQuery(
  { query }: ExecuteQueryRequest,
  context: CallContext,
  deps: QueryDeps,
): AsyncGenerator<ExecuteQueryResponse, void, undefined> {
  const engine = engineOf(deps);
  if (query === undefined) throw invalidField("query", "must be set");
  if (query.cancel !== undefined) throw invalidField("query.cancel", "must not be set");
  if (query.credit !== undefined) throw invalidField("query.credit", "must not be set");
  const plan = queryPlan(query, context, deps);
  if (plan.creditRows !== Infinity || plan.creditBytes !== Infinity)
    throw invalidField("query.options", "must not have an initial credit: no more could be given");
  const { queryId, statement, timeoutMs } = plan;
  const facts = { queryId, sql: statement.sql, callerId: statement.scope.callerId, timeoutMs };
  using running = deps.running.begin(facts, context.signal);
  const credit = new Credit(plan.creditRows, plan.creditBytes);
  for await (const result of runQuery({ plan, running, credit, engine, clock: deps.clock })) {
    yield { result: { ...result, queryId } };
  }
}
