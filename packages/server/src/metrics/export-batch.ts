import { type ExportMetricsRequest, MAX_EXPORT_METRICS } from "@millrace/shared-types";

import { checkLimit } from "../events/check-limit.js";

import type { MetricsDeps } from "./metrics-deps.js";
import { SampleBatchDraft } from "./sample-batch.js";
import { sampleTimes } from "./sample-refusal.js";
import type { StreamProducer } from "./stream-producer.js";

/**
 * The samples of one request.
 *
 * @throws ServiceError `LIMIT_EXCEEDED` if there are too many, `PROTOCOL_VIOLATION` if they are of several producers
 */
export function exportBatchOf(
  { metrics, producerId }: ExportMetricsRequest,
  producer: StreamProducer,
  { clock, limits }: Pick<MetricsDeps, "clock" | "limits">,
): SampleBatchDraft {
  checkLimit("metrics", "max_export_metrics", MAX_EXPORT_METRICS, metrics.length);
  producer.name(producerId === "" ? (metrics[0]?.producerId ?? "") : producerId);
  const nowMs = clock.now();
  const times = sampleTimes(nowMs, limits);
  const batch = new SampleBatchDraft({ firstIndex: 0, times, isNumbered: producer.isNamed });
  for (const metric of metrics) {
    if (producerId === "") producer.name(metric.producerId);
    batch.add(metric, nowMs);
  }
  return batch;
}
