import type { QueryServiceDefinition, ServiceHandlers, StreamingServiceDefinition } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { cancelQuery } from "./cancel-query.js";
import { executeQuery } from "./execute-query.js";
import { interactiveQuery } from "./interactive-query.js";
import { listQueries } from "./list-queries.js";
import { listTables } from "./list-tables.js";
import type { QueryDeps } from "./query-deps.js";

/** Handlers of QueryService. */
export function queryService(deps: QueryDeps): ServiceHandlers<typeof QueryServiceDefinition, CallContext> {
  return {
    executeQuery: (request, context) => executeQuery(request, context, deps),
    cancelQuery: (request, context) => cancelQuery(request, context, deps),
    listQueries: (request, context) => listQueries(request, context, deps),
    listTables: (request, context) => listTables(request, context, deps),
  };
}

/** The handler of StreamingService that runs queries. */
export function queryStreams(
  deps: QueryDeps,
): Pick<ServiceHandlers<typeof StreamingServiceDefinition, CallContext>, "interactiveQuery"> {
  return { interactiveQuery: (requests, context) => interactiveQuery(requests, context, deps) };
}
