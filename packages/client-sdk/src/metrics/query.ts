import {
  MetricServiceDefinition,
  type QueryMetricsResponse,
  durationOfMs,
  toDate,
  toTimestamp,
} from "@millrace/shared-types";

import { present } from "../files/file-info.js";
import { checkQueryOptions } from "./check-metrics-options.js";
import type { MetricsDeps } from "./metrics-api.js";
import type { MetricWindow, QueryMetricsOptions } from "./types.js";

/** Aggregates stored samples. See {@link MetricsApi.query}. */
export function queryMetrics(
  { rpc }: MetricsDeps,
  name: string,
  options: QueryMetricsOptions = {},
): AsyncIterable<MetricWindow> {
  checkQueryOptions(name, options);
  const { from, to, stepMs, groupBy = [], filter = "", quantiles = [], ...call } = options;
  const request = {
    name,
    filter,
    startTime: from && toTimestamp(from),
    endTime: to && toTimestamp(to),
    step: stepMs === undefined ? undefined : durationOfMs(stepMs),
    groupBy: [...groupBy],
    quantiles: [...quantiles],
  };
  return {
    [Symbol.asyncIterator]() {
      const { queryMetrics: method } = MetricServiceDefinition.methods;
      const responses = rpc.serverStream(MetricServiceDefinition, method, request, call)[Symbol.asyncIterator]();
      return {
        async next() {
          const step = await responses.next();
          return step.done === true ? { done: true, value: undefined } : { done: false, value: toWindow(step.value) };
        },
        async return() {
          await responses.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}

function toWindow({ labels, windowStart, aggregate }: QueryMetricsResponse): MetricWindow {
  const { count, sum, min, max, avg, stddev, last, quantiles, startTime, endTime } = present(aggregate, "aggregate");
  return {
    labels: Object.fromEntries(labels),
    start: toDate(present(windowStart, "window_start")),
    ...{ count, sum, min, max, avg, stddev, last, quantiles },
    firstAt: toDate(present(startTime, "start_time")),
    lastAt: toDate(present(endTime, "end_time")),
  };
}
