import { randomUUID } from "node:crypto";

import { methodPath, MetricServiceDefinition } from "@millrace/shared-types";

import { cancelledBy } from "../files/cancelled-by.js";
import type { RequestSource } from "../rpc/rpc.js";
import { checkSendOptions } from "./check-metrics-options.js";
import { MetricBatches } from "./metric-batches.js";
import type { MetricsDeps } from "./metrics-api.js";
import { SendBacklog } from "./send-backlog.js";
import { sendOverStream } from "./send-over-stream.js";
import type { MetricSample, MetricsSummary, SendMetricsOptions } from "./types.js";

const METHOD = methodPath(MetricServiceDefinition, MetricServiceDefinition.methods.streamMetrics).slice(1);

/** Stores samples. See {@link MetricsApi.send}. */
export async function sendMetrics(
  deps: MetricsDeps,
  samples: RequestSource<MetricSample>,
  options: SendMetricsOptions = {},
): Promise<MetricsSummary> {
  checkSendOptions(options);
  const { signal, headers, resume: policy, producerId = randomUUID() } = options;
  if (signal?.aborted === true) throw cancelledBy(signal, METHOD);
  const backlog = new SendBacklog(new MetricBatches(samples, deps.clock, options), {
    ...options,
    method: METHOD,
    // Nobody else can have sent anything under an id that was made just now.
    knownBefore: options.producerId === undefined ? 0 : undefined,
  });
  const loop = deps.openResumeLoop({ policy, signal });
  const call = { ...(signal && { signal }), ...(headers && { headers }) };
  try {
    for (await backlog.readFirst(signal); !backlog.isDone; await backlog.readFirst(signal)) {
      try {
        await sendOverStream(deps, { backlog, producerId, onProgress: () => loop.progressed() }, call);
      } catch (error) {
        if (backlog.failure !== undefined) throw backlog.failure.error;
        await loop.waitAfter(error);
      }
    }
  } finally {
    backlog.leave();
  }
  const { tally, committedSequence } = backlog;
  const { rejections, stats, truncated } = tally;
  return { ...tally.progress, rejections, stats, truncated, producerId, committedSequence };
}
