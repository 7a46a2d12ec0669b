import {
  EncodedMessages,
  type WatchEventBatchesRequest,
  type WatchEventBatchesResponse,
  WatchRequest,
} from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { BATCH_BYTES, batchesOf, batchEventsOf, type BatchRun, encodeBatch } from "./encode-batches.js";
import type { EventsDeps } from "./events-deps.js";
import { openWatch, type Watch, type WatchPace } from "./watch.js";
import { durationMsOf } from "./watch-plan.js";

const DEFAULT_DELAY_MS = 5;
const MAX_DELAY_MS = 1000;

/**
 * Like `watchEvents`, with many events in a message: it is sent when it is full, or when the first of them has
 * waited for `max_batch_delay`. The events of one publication are in one message. Controls come in batches
 * without events.
 *
 * @throws ServiceError as `watchEvents`
 */
export async function* watchEventBatches(
  request: WatchEventBatchesRequest,
  context: CallContext,
  deps: EventsDeps,
): AsyncGenerator<WatchEventBatchesResponse | EncodedMessages, void, undefined> {
  const { watch: wanted = WatchRequest.fromPartial({}) } = request;
  const pace = paceOf(request);
  using watch = await openWatch(wanted, "watch.", pace, context, deps);
  for (let step = await watch.next(); step !== undefined; step = await watch.next()) {
    if ("control" in step) {
      const { control, position } = step;
      yield { batch: { events: [], resumeToken: deps.positions.tokenAfter(position), control } };
      continue;
    }
    for (const batch of batchesOf(step, pace.maxEvents)) yield* sendBatch(batch, watch, deps);
  }
}

/** Others may have been given the same batch already. */
async function* sendBatch(
  batch: BatchRun,
  watch: Watch,
  deps: EventsDeps,
): AsyncGenerator<EncodedMessages, void, undefined> {
  const { view } = watch.plan;
  const known = deps.batches.find(batch, view);
  if (known !== undefined) {
    yield known;
    return watch.onSent(batch.position);
  }
  for await (const { message, position, isWhole } of encodeBatch(batch, view, deps)) {
    yield isWhole ? deps.batches.keep(batch, view, message) : new EncodedMessages([message]);
    watch.onSent(position);
  }
}

function paceOf({ maxBatchEvents, maxBatchDelay }: WatchEventBatchesRequest): WatchPace {
  const maxEvents = batchEventsOf("max_batch_events", maxBatchEvents);
  const delayMs =
    maxBatchDelay === undefined
      ? DEFAULT_DELAY_MS
      : Math.min(durationMsOf(maxBatchDelay, "max_batch_delay"), MAX_DELAY_MS);
  return { maxEvents, maxBytes: BATCH_BYTES, delayMs };
}
