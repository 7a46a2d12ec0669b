import type { ExportMetricsRequest, ExportMetricsResponse } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { exportBatchOf } from "./export-batch.js";
import type { MetricsDeps } from "./metrics-deps.js";
import { storeBatch } from "./store-batch.js";
import { StreamProducer } from "./stream-producer.js";
import { StreamSummary } from "./summary.js";

/** Stores a batch; answers once it is durable. Samples that are refused are counted. */
export async function exportMetrics(
  request: ExportMetricsRequest,
  context: CallContext,
  deps: MetricsDeps,
): Promise<ExportMetricsResponse> {
  const producer = new StreamProducer(context);
  const batch = exportBatchOf(request, producer, deps);
  const summary = new StreamSummary();
  summary.add(await storeBatch(batch, producer.goOnTo(batch.upTo), deps));
  return { summary: await summary.message() };
}
