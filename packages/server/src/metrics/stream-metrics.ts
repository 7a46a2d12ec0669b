import {
  ExportMetricsRequest,
  ServiceError,
  type StreamMetricsRequest,
  type StreamMetricsResponse,
} from "@millrace/shared-types";

import { AppendPipeline } from "../events/append-pipeline.js";
import type { CallContext } from "../rpc/call-context.js";

import { exportBatchOf } from "./export-batch.js";
import type { MetricsDeps } from "./metrics-deps.js";
import { storeBatch } from "./store-batch.js";
import { StreamProducer } from "./stream-producer.js";
import { rejectionMessages } from "./summary.js";

/** A request without samples, in memory, about, in bytes. */
const REQUEST_BYTES = 512;

/** An answer, or what the stream ends with in its place. */
type Answer = { readonly response: StreamMetricsResponse } | { readonly error: unknown };

const NOTHING: ExportMetricsRequest = ExportMetricsRequest.fromPartial({});

/**
 * Stores batches as they come, without waiting for those before; answers each, in order, once it is durable. The first
 * that cannot be stored ends the stream, and none after it is stored, if there is a producer. A half-close is answered
 * in full. When the server drains, what was taken is answered, and the stream ends with `DRAINING`.
 *
 * @throws ServiceError `PROTOCOL_VIOLATION` if the producer changes, `LIMIT_EXCEEDED` for more than 10,000 samples
 */
export async function* streamMetrics(
  requests: AsyncIterable<StreamMetricsRequest>,
  context: CallContext,
  deps: MetricsDeps,
): AsyncGenerator<StreamMetricsResponse, void, undefined> {
  const pipeline = new AppendPipeline<Answer>();
  const close = (): void => pipeline.close();
  context.draining.addEventListener("abort", close, { once: true });
  const taking = takeAll(requests, pipeline, context, deps);
  taking.then(close, close);
  try {
    for (let next = await pipeline.take(); next !== undefined; next = await pipeline.take()) {
      if ("error" in next) throw next.error;
      yield next.response;
    }
    // A half-close that is known already counts more than the drain.
    await (context.draining.aborted ? Promise.race([taking, drained()]) : taking);
  } finally {
    context.draining.removeEventListener("abort", close);
    close();
  }
}

/** Resolves at the half-close. */
async function takeAll(
  requests: AsyncIterable<StreamMetricsRequest>,
  pipeline: AppendPipeline<Answer>,
  context: CallContext,
  deps: MetricsDeps,
): Promise<void> {
  const producer = new StreamProducer(context);
  for await (const { requestId, export: request = NOTHING } of requests) {
    if (pipeline.closed) return drained();
    const batch = exportBatchOf(request, producer, deps);
    const answer = answerOf(requestId, batch, producer, deps);
    await pipeline.add(answer, REQUEST_BYTES + batch.bytes);
  }
}

async function answerOf(
  requestId: number,
  batch: ReturnType<typeof exportBatchOf>,
  producer: StreamProducer,
  deps: MetricsDeps,
): Promise<Answer> {
  try {
    const stored = await storeBatch(batch, producer.goOnTo(batch.upTo), deps);
    const { storedCount: acceptedCount, duplicateCount, refused, committedSequence } = stored;
    const rejections = rejectionMessages(refused);
    return { response: { requestId, acceptedCount, duplicateCount, rejections, committedSequence } };
  } catch (error) {
    return { error };
  }
}

function drained(): Promise<never> {
  return Promise.reject(new ServiceError("DRAINING", "the server is draining; what was not answered was not taken"));
}
