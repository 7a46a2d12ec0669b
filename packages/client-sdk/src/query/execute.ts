import { type QueryResponse, QueryServiceDefinition } from "@millrace/shared-types";

import type { ServerStream } from "../rpc/streams.js";
import type { Answer } from "./answer.js";
import { checkExecuteOptions } from "./check-query-options.js";
import { QueryAnswer } from "./query-answer.js";
import type { QueryDeps } from "./query-api.js";
import { toQueryRequest } from "./query-request.js";
import type { ExecuteQueryOptions, QueryResult, QueryRow } from "./types.js";

const { executeQuery } = QueryServiceDefinition.methods;

/** Runs one query. See {@link QueryApi.execute}. */
export function execute<R = QueryRow>(
  { rpc, openResumeLoop }: QueryDeps,
  sql: string,
  options: ExecuteQueryOptions = {},
  describeOnly = false,
): QueryResult<R> {
  checkExecuteOptions(options);
  const { headers, resume } = options;
  const query = toQueryRequest(sql, options, describeOnly);
  return new QueryAnswer<R>({
    open: () => streamAnswer(rpc.serverStream(QueryServiceDefinition, executeQuery, { query }, headers && { headers })),
    openLoop: (signal) => openResumeLoop({ policy: resume, signal }),
    options,
    method: "streaming.v1.QueryService/ExecuteQuery",
  });
}

/** The stream is the answer. */
function streamAnswer(stream: ServerStream<{ result: QueryResponse | undefined }>): Answer {
  const messages = stream[Symbol.asyncIterator]();
  return {
    receive: async () => (await messages.next()).value?.result,
    cancel: () => stream.cancel(),
  };
}
