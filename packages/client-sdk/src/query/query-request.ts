import { durationOfMs, QueryFormat, type PartialMessage, type QueryRequest } from "@millrace/shared-types";

import { toQueryValue } from "./query-value.js";
import type { QueryOptions } from "./types.js";

const DEFAULT_PROGRESS_MS = 1000;

/** A query on the wire. @throws {TypeError} for a parameter that is none */
export function toQueryRequest(sql: string, options: QueryOptions, describeOnly = false): PartialMessage<QueryRequest> {
  const { params = [], maxRows = 0, timeoutMs, onProgress, progressMs = DEFAULT_PROGRESS_MS } = options;
  return {
    query: sql,
    parameters: params.map(toQueryValue),
    options: {
      format: QueryFormat.TYPED,
      maxRows,
      describeOnly,
      ...(timeoutMs !== undefined && { timeout: durationOfMs(timeoutMs) }),
      ...(onProgress && { progressInterval: durationOfMs(progressMs) }),
    },
  };
}
