import { QueryServiceDefinition } from "@millrace/shared-types";

import type { CallOptions } from "../options.js";
import { checkCall } from "./check-query-options.js";
import type { QueryDeps } from "./query-api.js";

/** Stops a query that runs. See {@link QueryApi.cancel}. */
export async function cancelQuery({ rpc }: QueryDeps, runningId: string, options: CallOptions = {}): Promise<boolean> {
  checkCall(options);
  const { cancelQuery: method } = QueryServiceDefinition.methods;
  return (await rpc.unary(QueryServiceDefinition, method, { runningId }, options)).cancelled;
}
