import type { CancelQueryRequest, CancelQueryResponse } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { QueryDeps } from "./query-deps.js";

/** Stops a query of the caller, whatever stream it runs on. One that is over, or another's, is not there. */
export async function cancelQuery(
  { runningId }: CancelQueryRequest,
  { principal }: CallContext,
  { running }: QueryDeps,
): Promise<CancelQueryResponse> {
  const query = running.ofCaller(principal.id).find((each) => each.runningId === runningId);
  query?.cancel();
  return Promise.resolve({ cancelled: query !== undefined });
}
