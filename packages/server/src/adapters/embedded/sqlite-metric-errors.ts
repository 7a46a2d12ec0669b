import { ServiceError } from "@millrace/shared-types";

import type { MetricFailure } from "./sqlite-metric-protocol.js";

/** What callers of the store are told about a failure in one of its threads. */
export function metricErrorOf(failure: MetricFailure): Error {
  switch (failure.kind) {
    case "full":
      return new ServiceError("QUOTA_EXCEEDED", "the disk of the server is full", { cause: failure.message });
    case "damaged":
      return new ServiceError("CORRUPT_DATA", `the metrics are damaged: ${failure.message}`);
    case "unavailable":
      return metricsUnavailable(failure.message);
  }
}

export function metricsUnavailable(cause: unknown): ServiceError {
  return new ServiceError("BACKEND_UNAVAILABLE", "the server cannot use its metrics", { cause, retryAfterMs: 1000 });
}
