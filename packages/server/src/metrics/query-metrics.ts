import { type QueryMetricsRequest, type QueryMetricsResponse, timestampOfMs } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { aggregateMessage } from "./aggregate-message.js";
import type { MetricsDeps } from "./metrics-deps.js";
import { queryPlanOf } from "./query-plan.js";

/**
 * Aggregates stored samples: group by group, in each the windows in order of time, without empty ones. Holds the
 * numbers of the series and a few hundred windows.
 *
 * @throws ServiceError `INVALID_FIELD`, `INVALID_FILTER`, or `LIMIT_EXCEEDED` if there would be too many windows
 */
export async function* queryMetrics(
  request: QueryMetricsRequest,
  { signal }: CallContext,
  deps: MetricsDeps,
): AsyncGenerator<QueryMetricsResponse, void, undefined> {
  const { groupLabels, ...plan } = await queryPlanOf(request, signal, deps);
  if (plan.groups.length === 0) return;
  for await (const windows of deps.store.aggregate(plan)) {
    signal.throwIfAborted();
    for (const { group, startMs, aggregate } of windows) {
      const labels = new Map(groupLabels[group]);
      yield { labels, windowStart: timestampOfMs(startMs), aggregate: aggregateMessage(aggregate, plan.quantiles) };
    }
  }
}
