import {
  EncodedMessages,
  invalidField,
  type ReadEventsRequest,
  type ReadEventsResponse,
  SlowConsumerPolicy,
  StartPosition,
  WatchRequest,
} from "@millrace/shared-types";

import { PositionCompacted } from "../ports/event-log.js";
import type { CallContext } from "../rpc/call-context.js";

import { BoundedRead, type Bounds } from "./bounded-read.js";
import { BATCH_BYTES, batchEventsOf, type BatchRun, encodeBatches } from "./encode-batches.js";
import type { EventsDeps } from "./events-deps.js";
import type { RunLimits } from "./feed.js";
import { compacted, startOf } from "./start-position.js";
import { type WatchPlan, watchPlanOf } from "./watch-plan.js";

/** Where a read begins if the request does not say. */
const DEFAULT_START = {
  forwards: { $case: "startPosition", value: StartPosition.BEGINNING },
  backwards: { $case: "startPosition", value: StartPosition.END },
} as const satisfies Record<string, WatchRequest["start"]>;

/**
 * Streams a part of the log in batches, forwards or backwards, and ends where the log ended when it began. The
 * `resume_token` of a batch is where the next request of the same direction goes on.
 *
 * @throws ServiceError `INVALID_FIELD`, `LIMIT_EXCEEDED`, `INVALID_FILTER`, `INVALID_CURSOR`, `EPOCH_CHANGED`,
 * `COMPACTED` (also later, if retention overtakes a client who reads forwards), `FUTURE_POSITION`
 */
export async function* readEvents(
  request: ReadEventsRequest,
  context: CallContext,
  deps: EventsDeps,
): AsyncGenerator<ReadEventsResponse | EncodedMessages, void, undefined> {
  const { backwards, watch = WatchRequest.fromPartial({}) } = request;
  const plan = planOf(watch, backwards, deps);
  const maxEvents = batchEventsOf("max_batch_events", request.maxBatchEvents);
  const read = new BoundedRead(plan.selection, await boundsOf(watch, plan, backwards, deps), deps);
  let { position } = read;
  context.resumeFrom(() => deps.positions.tokenAfter(position));
  context.sendHeaders({ "millrace-resume-token": deps.positions.tokenAfter(position) });
  for (let left = plan.limit; left > 0 && !read.isOver;) {
    context.signal.throwIfAborted();
    const run = cut(await nextRun(read, { maxEvents: Math.min(maxEvents, left), maxBytes: BATCH_BYTES }, deps), left);
    left -= run.events.length;
    for await (const batch of encodeBatches(run, maxEvents, plan.view, deps)) {
      yield new EncodedMessages([batch.message]);
      position = batch.position;
    }
  }
}

/** What only a watch can do does not apply. */
function planOf(watch: WatchRequest, backwards: boolean, { limits }: EventsDeps): WatchPlan {
  const applied = { ...watch, heartbeatInterval: undefined, slowConsumerPolicy: SlowConsumerPolicy.UNSPECIFIED };
  const plan = watchPlanOf(applied, "watch.", limits);
  if (backwards && plan.sendsInitialState) {
    throw invalidField("watch.send_initial_state", "cannot be combined with backwards");
  }
  return plan;
}

async function boundsOf(watch: WatchRequest, plan: WatchPlan, backwards: boolean, deps: EventsDeps): Promise<Bounds> {
  const start = await startOf(watch.start ?? DEFAULT_START[backwards ? "backwards" : "forwards"], "watch.", deps);
  const { firstSequence, lastSequence } = await deps.log.range();
  if (!backwards) {
    const until = Math.min(plan.untilSequence, lastSequence);
    return { after: start, until, newestOfKey: plan.sendsInitialState };
  }
  const isInclusive = watch.start?.$case === "startSequence";
  const last = Number.isFinite(plan.untilSequence) ? plan.untilSequence : 0;
  return { after: Math.max(last, firstSequence) - 1, until: isInclusive ? start + 1 : start, backwards };
}

async function nextRun(read: BoundedRead, limits: RunLimits, { positions }: EventsDeps): Promise<BatchRun> {
  try {
    return { ...(await read.next(limits)), backwards: read.backwards };
  } catch (error) {
    throw error instanceof PositionCompacted ? compacted(error.firstSequence, positions) : error;
  }
}

/** Cuts off what is more than the client wants. */
function cut(run: BatchRun, max: number): BatchRun {
  const last = run.events[max - 1]?.log.sequence;
  if (last === undefined || run.events.length === max) return run;
  return { ...run, events: run.events.slice(0, max), position: run.backwards === true ? last - 1 : last };
}
