import { checkQueryOptions, checkSessionOptions } from "./check-query-options.js";
import { QueryAnswer } from "./query-answer.js";
import type { QueryDeps, QuerySession } from "./query-api.js";
import { toQueryRequest } from "./query-request.js";
import { SESSION_METHOD, SessionStreams } from "./session-streams.js";
import type { QuerySessionOptions } from "./types.js";

const DEFAULT_BUFFERED_BYTES = 1_048_576;

/** Opens a session. See {@link QueryApi.session}. */
export function openSession(deps: QueryDeps, options: QuerySessionOptions = {}): QuerySession {
  checkSessionOptions(options);
  const { headers, resume, maxBufferedBytes = DEFAULT_BUFFERED_BYTES } = options;
  const streams = new SessionStreams(deps.rpc, headers && { headers }, maxBufferedBytes);
  const closing = new AbortController();
  return {
    query(sql, queryOptions = {}) {
      checkQueryOptions(queryOptions);
      const request = toQueryRequest(sql, queryOptions);
      return new QueryAnswer({
        open: () => streams.ask(request),
        openLoop: (signal) => deps.openResumeLoop({ policy: resume, signal }),
        options: queryOptions,
        closing: closing.signal,
        method: SESSION_METHOD,
      });
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      await streams[Symbol.asyncDispose]();
    },
  };
}
