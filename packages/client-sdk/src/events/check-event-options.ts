import { MAX_PUBLISH_EVENTS } from "@millrace/shared-types";

import { checkHeartbeat } from "../check-heartbeat.js";
import { CALL_NAMES, RESUME_NAMES } from "../check-options.js";
import { checkText, checkTextLists, checkTextMap, checkTexts } from "../check-text.js";
import type { CallOptions } from "../options.js";
import { checkNames, type NamesOf } from "../option-names.js";
import { isToken } from "./event-start.js";
import type {
  DeleteSubscriptionOptions,
  ListSubscriptionsOptions,
  ReplayParkedOptions,
  SubscribeOptions,
  SubscriptionReference,
  SubscriptionSpec,
} from "./subscription-types.js";
import type {
  EventSelection,
  LogInfoOptions,
  OutgoingEvent,
  PublisherOptions,
  PublishOptions,
  ReadOptions,
  WatchOptions,
} from "./types.js";

const EVENT: NamesOf<OutgoingEvent> = {
  type: "any",
  payload: "any",
  json: "any",
  id: "any",
  stream: "any",
  key: "any",
  tombstone: "any",
  attributes: "any",
  contentType: "any",
  source: "any",
  timestamp: "any",
};

const PUBLISH: NamesOf<PublishOptions> = {
  signal: "any",
  headers: "any",
  stream: "any",
  expectedRevision: "number",
  timeoutMs: "number",
  resume: RESUME_NAMES,
};

const PUBLISHER: NamesOf<PublisherOptions> = {
  signal: "any",
  headers: "any",
  stream: "any",
  maxPendingBytes: "number",
  maxRequestsInFlight: "number",
  maxRequestEvents: "number",
  resume: RESUME_NAMES,
};

const SELECTION = { types: "any", streams: "any", filter: "any" } as const;

const WATCH: NamesOf<WatchOptions> = {
  ...SELECTION,
  signal: "any",
  headers: "any",
  from: "any",
  limit: "number",
  heartbeatMs: "number",
  idleTimeoutMs: "number",
  batchDelayMs: "number",
  omitPayload: "any",
  includePreviousPayload: "any",
  sendInitialState: "any",
  onCaughtUp: "any",
  resume: { ...RESUME_NAMES, store: "any", key: "any" },
};

const READ: NamesOf<ReadOptions> = {
  ...SELECTION,
  signal: "any",
  headers: "any",
  idleTimeoutMs: "number",
  from: "any",
  until: "number",
  backwards: "any",
  limit: "number",
  omitPayload: "any",
  includePreviousPayload: "any",
  resume: RESUME_NAMES,
};

const LOG_INFO: NamesOf<LogInfoOptions> = { ...CALL_NAMES, stream: "any" };

const CREATE: NamesOf<Omit<SubscriptionSpec, "name">> = {
  ...SELECTION,
  from: "any",
  ackDeadlineMs: "number",
  maxDeliveryAttempts: "number",
  minRetryDelayMs: "number",
  maxRetryDelayMs: "number",
  orderedByKey: "any",
  inactiveTtlMs: "number",
};

const SPEC: NamesOf<SubscriptionSpec> = { ...CREATE, name: "any" };

const REFERENCE: NamesOf<Exclude<SubscriptionReference, string>> = { name: "any", create: CREATE };

const SUBSCRIBE: NamesOf<SubscribeOptions> = {
  signal: "any",
  headers: "any",
  concurrency: "number",
  maxInFlight: "number",
  maxInFlightBytes: "number",
  maxHandlerMs: "number",
  heartbeatMs: "number",
  consumerId: "any",
  onExpired: "any",
  onGap: "any",
  onHandlerError: "any",
  resume: RESUME_NAMES,
};

const LIST: NamesOf<ListSubscriptionsOptions> = { ...CALL_NAMES, pageSize: "number" };

const DELETE: NamesOf<DeleteSubscriptionOptions> = { ...CALL_NAMES, allowMissing: "any" };

const REPLAY: NamesOf<ReplayParkedOptions> = { ...CALL_NAMES, limit: "number" };

/** Refuses an event as {@link checkNames} does, a missing type, and texts that would be stored as others. */
export function checkEvent(event: Partial<OutgoingEvent>): void {
  checkNames(event, EVENT);
  const { id, type, stream, key, source, contentType, attributes } = event;
  if (typeof type !== "string") throw new TypeError("'type' is missing: what kind of event is it?");
  checkTexts({ id, type, stream, key, source, contentType });
  checkTextMap("attribute", attributes);
}

export function checkPublishOptions(options: PublishOptions): void {
  checkNames(options, PUBLISH);
  checkTexts({ stream: options.stream });
}

export function checkPublisherOptions(options: PublisherOptions): void {
  checkNames(options, PUBLISHER);
  checkTexts({ stream: options.stream });
  assertInteger("maxRequestsInFlight", options.maxRequestsInFlight, 1);
  assertInteger("maxRequestEvents", options.maxRequestEvents, 1, MAX_PUBLISH_EVENTS);
}

/** Refuses options as {@link checkNames} does, and those that contradict each other. */
export function checkWatchOptions(options: WatchOptions): void {
  checkNames(options, WATCH);
  checkSelection(options);
  checkHeartbeat(options.heartbeatMs);
  assertInteger("limit", options.limit, 1);
  const { from, sendInitialState, resume } = options;
  if (sendInitialState === true && !(from === undefined || isToken(from))) {
    throw new TypeError("options 'from' and 'sendInitialState' exclude each other, unless 'from' is a token");
  }
  if (resume && resume.store !== undefined && resume.key === undefined) {
    throw new TypeError("option 'resume.key' is missing: under which name is the position kept?");
  }
}

export function checkReadOptions(options: ReadOptions): void {
  checkNames(options, READ);
  checkSelection(options);
  assertInteger("limit", options.limit, 1);
}

export function checkLogInfoOptions(options: LogInfoOptions): void {
  checkNames(options, LOG_INFO);
  checkTexts({ stream: options.stream });
}

export function checkSubscriptionSpec(spec: SubscriptionSpec): void {
  checkNames(spec, SPEC);
  checkSelection(spec);
}

export function checkSubscribe(reference: SubscriptionReference, options: SubscribeOptions): void {
  if (typeof reference !== "string") {
    checkNames(reference, REFERENCE);
    checkSelection(reference.create ?? {});
  }
  checkNames(options, SUBSCRIBE);
  checkHeartbeat(options.heartbeatMs);
  assertInteger("concurrency", options.concurrency, 1);
  assertInteger("maxInFlight", options.maxInFlight, 1);
}

export function checkListOptions(options: ListSubscriptionsOptions): void {
  checkNames(options, LIST);
}

export function checkDeleteOptions(options: DeleteSubscriptionOptions): void {
  checkNames(options, DELETE);
}

export function checkReplayOptions(options: ReplayParkedOptions): void {
  checkNames(options, REPLAY);
}

export function checkTruncate(stream: string, beforeRevision: number, options: CallOptions): void {
  checkNames(options, CALL_NAMES);
  checkText("'stream'", stream);
  assertInteger("beforeRevision", beforeRevision, 0);
}

export function checkCall(options: CallOptions): void {
  checkNames(options, CALL_NAMES);
}

function checkSelection({ types, streams }: EventSelection): void {
  checkTextLists({ types, streams });
}

function assertInteger(
  name: string,
  value: number | undefined,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least && value <= most)) return;
  throw new RangeError(`option '${name}' is ${String(value)}, not an integer from ${String(least)} to ${String(most)}`);
}
