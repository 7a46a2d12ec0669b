import {
  type Event,
  invalidField,
  type PublishStreamRequest,
  type PublishStreamResponse,
  ServiceError,
  type Status,
  statusOf,
} from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";
import { toCallerError } from "../rpc/to-status.js";

import { AppendPipeline } from "./append-pipeline.js";
import type { EventsDeps } from "./events-deps.js";
import { publish } from "./publish.js";

/** An event without payload and attributes, in memory, about. */
const EVENT_OVERHEAD_BYTES = 512;

type Answer = NonNullable<PublishStreamResponse["result"]>;

/**
 * Appends what comes without waiting for the appends before it, so that they share the cost of becoming durable.
 * They take effect and are answered in the order in which they came; one that fails is answered with its error, and
 * the stream goes on. A half-close is answered in full. When the server drains, what was taken is answered and the
 * rest is left: the stream ends with `DRAINING`. Whatever was not answered can be sent again with the same ids.
 */
export async function* publishStream(
  requests: AsyncIterable<PublishStreamRequest>,
  context: CallContext,
  deps: EventsDeps,
): AsyncGenerator<PublishStreamResponse, void, undefined> {
  const pipeline = new AppendPipeline<PublishStreamResponse>();
  const close = (): void => pipeline.close();
  context.draining.addEventListener("abort", close, { once: true });
  const taking = takeAll(requests, pipeline, (request) => answerOf(request, context, deps));
  taking.then(close, close);
  try {
    for (let next = await pipeline.take(); next !== undefined; next = await pipeline.take()) yield next;
    // A half-close that is known already counts more than the drain.
    await (context.draining.aborted ? Promise.race([taking, drained()]) : taking);
  } finally {
    context.draining.removeEventListener("abort", close);
    close();
  }
}

/** Resolves at the half-close. */
async function takeAll(
  requests: AsyncIterable<PublishStreamRequest>,
  pipeline: AppendPipeline<PublishStreamResponse>,
  answer: (request: PublishStreamRequest) => Promise<PublishStreamResponse>,
): Promise<void> {
  for await (const request of requests) {
    if (pipeline.closed) return drained();
    await pipeline.add(answer(request), bytesOf(request));
  }
}

function drained(): Promise<never> {
  return Promise.reject(new ServiceError("DRAINING", "the server is draining; what was not answered was not taken"));
}

async function answerOf(
  { requestId, publish: request }: PublishStreamRequest,
  context: CallContext,
  deps: EventsDeps,
): Promise<PublishStreamResponse> {
  return { requestId, result: await resultOf(request, context, deps) };
}

async function resultOf(
  request: PublishStreamRequest["publish"],
  context: CallContext,
  deps: EventsDeps,
): Promise<Answer> {
  try {
    if (request === undefined) throw invalidField("publish", "must be set");
    return { $case: "published", value: await publish(request, context, deps) };
  } catch (error) {
    return { $case: "error", value: statusOfCaller(error, context) };
  }
}

/** What the trailers of a unary call would say. */
function statusOfCaller(error: unknown, { requestId, log }: CallContext): Status {
  const told = toCallerError(error, requestId);
  if (told !== error) log.error({ err: error }, "an append failed");
  if (told instanceof ServiceError) return statusOf(told);
  return { code: told.code, message: told.message, details: [] };
}

/** What a request takes in memory, about. */
function bytesOf({ publish: request }: PublishStreamRequest): number {
  return request?.events.reduce((sum, event) => sum + eventBytes(event), EVENT_OVERHEAD_BYTES) ?? EVENT_OVERHEAD_BYTES;
}

function eventBytes({ payload, attributes }: Event): number {
  let bytes = EVENT_OVERHEAD_BYTES + payload.length;
  for (const [name, value] of attributes) bytes += name.length + value.length;
  return bytes;
}
