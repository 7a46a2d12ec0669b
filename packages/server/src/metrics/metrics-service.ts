import type { MetricServiceDefinition, ServiceHandlers, StreamingServiceDefinition } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { collectMetrics } from "./collect-metrics.js";
import { exportMetrics } from "./export-metrics.js";
import { listSeries } from "./list-series.js";
import type { MetricsDeps } from "./metrics-deps.js";
import { queryMetrics } from "./query-metrics.js";
import { streamMetrics } from "./stream-metrics.js";

/** Handlers of MetricService. */
export function metricsService(deps: MetricsDeps): ServiceHandlers<typeof MetricServiceDefinition, CallContext> {
  return {
    exportMetrics: (request, context) => exportMetrics(request, context, deps),
    streamMetrics: (requests, context) => streamMetrics(requests, context, deps),
    queryMetrics: (request, context) => queryMetrics(request, context, deps),
    listSeries: (request, context) => listSeries(request, context, deps),
  };
}

/** The handler of the RPC of StreamingService that collects metrics. */
export function metricStreams(
  deps: MetricsDeps,
): Pick<ServiceHandlers<typeof StreamingServiceDefinition, CallContext>, "collectMetrics"> {
  return { collectMetrics: (requests, context) => collectMetrics(requests, context, deps) };
}
