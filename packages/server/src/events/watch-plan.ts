import {
  type Duration,
  invalidField,
  msOfDuration,
  SlowConsumerPolicy,
  type WatchRequest,
} from "@millrace/shared-types";

import type { EventsLimits } from "./events-deps.js";
import type { Selection } from "./feed.js";
import { selectionOf } from "./selection.js";

const MIN_HEARTBEAT_MS = 1000;
const MAX_HEARTBEAT_MS = 10 * 60 * 1000;

/** What happens to a reader that is slower than the log. */
export type SlowPolicy = "catch-up" | "disconnect" | "drop-oldest" | "coalesce";

/** How events are sent. */
export interface EventView {
  readonly omitPayload: boolean;
  readonly includePreviousPayload: boolean;
}

/** A checked request to watch, but for its start. */
export interface WatchPlan {
  readonly selection: Selection;
  readonly view: EventView;
  /** Whether the client wants to know more than events. */
  readonly controls: boolean;
  /** A heartbeat follows this much silence, in milliseconds; 0: none. */
  readonly heartbeatMs: number;
  readonly slowPolicy: SlowPolicy;
  /** It ends after so many events … */
  readonly limit: number;
  /** … or after this sequence. */
  readonly untilSequence: number;
  /** The newest event of every live key comes first. */
  readonly sendsInitialState: boolean;
}

const SLOW_POLICIES: ReadonlyMap<SlowConsumerPolicy, SlowPolicy> = new Map([
  [SlowConsumerPolicy.UNSPECIFIED, "catch-up"],
  [SlowConsumerPolicy.CATCH_UP, "catch-up"],
  [SlowConsumerPolicy.DISCONNECT, "disconnect"],
  [SlowConsumerPolicy.DROP_OLDEST, "drop-oldest"],
  [SlowConsumerPolicy.COALESCE, "coalesce"],
]);

/**
 * Checks a request to watch, but for its start.
 *
 * @param path of the request's fields, such as `watch.`
 * @throws ServiceError `INVALID_FIELD`, `LIMIT_EXCEEDED` or `INVALID_FILTER`
 */
export function watchPlanOf(
  request: WatchRequest,
  path: string,
  limits: Pick<EventsLimits, "maxFilterChars">,
): WatchPlan {
  return {
    selection: selectionOf(request, path, limits),
    view: { omitPayload: request.omitPayload, includePreviousPayload: request.includePreviousPayload },
    controls: request.controls,
    heartbeatMs: heartbeatMsOf(request, `${path}heartbeat_interval`),
    slowPolicy: slowPolicyOf(request, `${path}slow_consumer_policy`),
    limit: boundOf(request.limit, `${path}limit`),
    untilSequence: boundOf(request.untilSequence, `${path}until_sequence`),
    sendsInitialState: sendsInitialState(request, `${path}send_initial_state`),
  };
}

/** A span of time that a request names, in milliseconds, not negative. */
export function durationMsOf(duration: Duration, field: string): number {
  let ms: number;
  try {
    ms = msOfDuration(duration);
  } catch (cause) {
    throw invalidField(field, (cause as RangeError).message);
  }
  if (ms < 0) throw invalidField(field, "must not be negative");
  return ms;
}

function heartbeatMsOf({ heartbeatInterval, controls }: WatchRequest, field: string): number {
  const ms = heartbeatInterval === undefined ? 0 : durationMsOf(heartbeatInterval, field);
  if (ms === 0) return 0;
  if (!controls) throw invalidField(field, "needs controls");
  return Math.min(Math.max(ms, MIN_HEARTBEAT_MS), MAX_HEARTBEAT_MS);
}

function slowPolicyOf({ slowConsumerPolicy, controls }: WatchRequest, field: string): SlowPolicy {
  const policy = SLOW_POLICIES.get(slowConsumerPolicy);
  if (policy === undefined) throw invalidField(field, `is ${String(slowConsumerPolicy)}, which is no policy`);
  const sendsGaps = policy === "drop-oldest" || policy === "coalesce";
  if (sendsGaps && !controls) throw invalidField(field, "leaves out events, and needs controls to say which");
  return policy;
}

/** 0 means none. */
function boundOf(value: number, field: string): number {
  if (value < 0) throw invalidField(field, `is ${String(value)}, must not be negative`);
  return value === 0 ? Infinity : value;
}

/** A reader that resumes has the state already: it goes on with the changes. */
function sendsInitialState({ sendInitialState, start }: WatchRequest, field: string): boolean {
  if (!sendInitialState || start?.$case === "resumeToken") return false;
  if (start !== undefined) throw invalidField(field, "cannot be combined with a start other than a resume token");
  return true;
}
