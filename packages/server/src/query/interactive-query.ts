import type { QueryRequest, QueryResponse } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { QueryDeps } from "./query-deps.js";
import { engineOf } from "./query-plan.js";
import { QuerySession } from "./query-session.js";

/**
 * A session of queries. What goes wrong with one of them is part of its answer; the stream goes on. A half-close ends
 * it when all that was asked is answered.
 *
 * @throws ServiceError `FEATURE_DISABLED`
 */
export async function* interactiveQuery(
  requests: AsyncIterable<QueryRequest>,
  context: CallContext,
  deps: QueryDeps,
): AsyncGenerator<QueryResponse, void, undefined> {
  const engine = engineOf(deps);
  engine.prewarm();
  context.sendHeaders();
  const session = new QuerySession(context, engine, deps);
  void session.listen(requests);
  yield* session.answers();
}
