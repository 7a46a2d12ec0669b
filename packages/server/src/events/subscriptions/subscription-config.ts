import type { Duration, Subscription } from "@millrace/shared-types";
import { durationOfMs, invalidField, StartPosition, WatchRequest } from "@millrace/shared-types";

import { durationMsOf } from "../watch-plan.js";

/** A checked Subscription with its defaults, in the form in which it is stored. */
export interface SubscriptionConfig {
  readonly name: string;
  readonly eventTypes: readonly string[];
  readonly streams: readonly string[];
  readonly filter: string;
  /** As the client said it. Where that was, is in the state. */
  readonly start: NonNullable<WatchRequest["start"]>;
  readonly ackDeadlineMs: number;
  /** 0: without end. */
  readonly maxDeliveryAttempts: number;
  readonly minRetryDelayMs: number;
  readonly maxRetryDelayMs: number;
  readonly orderedByKey: boolean;
  readonly inactiveTtlMs?: number;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** Longest time that a consumer gets for one event without asking for more, in milliseconds. */
export const MAX_ACK_DEADLINE_MS: number = 10 * MINUTE_MS;

/** Longest delay before another attempt, in milliseconds. */
export const MAX_RETRY_DELAY_MS: number = DAY_MS;

const DEFAULT_ACK_DEADLINE_MS = 30 * SECOND_MS;
const DEFAULT_MIN_RETRY_DELAY_MS = 1 * SECOND_MS;
const DEFAULT_MAX_RETRY_DELAY_MS = 1 * MINUTE_MS;
const MAX_INACTIVE_TTL_MS = 365 * DAY_MS;

const FROM_END: SubscriptionConfig["start"] = { $case: "startPosition", value: StartPosition.END };

/**
 * Checks a Subscription, all but what its `watch` selects and where that starts.
 *
 * @throws ServiceError `INVALID_FIELD`
 */
export function configOf(subscription: Subscription): SubscriptionConfig {
  const { name, maxDeliveryAttempts, orderedByKey } = subscription;
  checkName("subscription.name", name);
  if (maxDeliveryAttempts < 0) throw invalidField("subscription.max_delivery_attempts", "must not be negative");
  const { eventTypes, streams, filter, start = FROM_END } = subscription.watch ?? WatchRequest.fromPartial({});
  return {
    name,
    eventTypes,
    streams,
    filter,
    start,
    ackDeadlineMs:
      durationField("subscription.ack_deadline", subscription.ackDeadline, SECOND_MS, MAX_ACK_DEADLINE_MS) ??
      DEFAULT_ACK_DEADLINE_MS,
    maxDeliveryAttempts,
    ...retryDelays(subscription),
    orderedByKey,
    ...inactiveTtl(subscription),
  };
}

/** @throws ServiceError `INVALID_FIELD` if no subscription can have that name */
export function checkName(field: string, name: string): void {
  if (!/^[A-Za-z0-9._-]{1,128}$/.test(name)) {
    throw invalidField(field, 'must be 1 to 128 of A-Z, a-z, 0-9, "-", "_" and "."');
  }
}

/** The message that describes a subscription, with all its defaults. */
export function toSubscription(config: SubscriptionConfig): Subscription {
  const { name, maxDeliveryAttempts, orderedByKey, inactiveTtlMs } = config;
  return {
    name,
    watch: toWatch(config),
    ackDeadline: durationOfMs(config.ackDeadlineMs),
    maxDeliveryAttempts,
    minRetryDelay: durationOfMs(config.minRetryDelayMs),
    maxRetryDelay: durationOfMs(config.maxRetryDelayMs),
    orderedByKey,
    inactiveTtl: inactiveTtlMs === undefined ? undefined : durationOfMs(inactiveTtlMs),
  };
}

/** What the subscription reads, as a request. */
export function toWatch({ eventTypes, streams, filter, start }: SubscriptionConfig): WatchRequest {
  return WatchRequest.fromPartial({ eventTypes: [...eventTypes], streams: [...streams], filter, start });
}

/**
 * Milliseconds of a duration in a request, rounded up; `undefined` if it is not set.
 *
 * @throws ServiceError `INVALID_FIELD` if it is not from `minMs` to `maxMs`
 */
export function durationField(
  field: string,
  duration: Duration | undefined,
  minMs: number,
  maxMs: number,
): number | undefined {
  if (duration === undefined) return undefined;
  const ms = Math.ceil(durationMsOf(duration, field));
  if (ms >= minMs && ms <= maxMs) return ms;
  throw invalidField(field, `is ${String(ms)} ms, must be from ${String(minMs)} to ${String(maxMs)} ms`);
}

function retryDelays({
  minRetryDelay,
  maxRetryDelay,
}: Subscription): Pick<SubscriptionConfig, "minRetryDelayMs" | "maxRetryDelayMs"> {
  const min = durationField("subscription.min_retry_delay", minRetryDelay, 0, MAX_RETRY_DELAY_MS);
  const max = durationField("subscription.max_retry_delay", maxRetryDelay, 0, MAX_RETRY_DELAY_MS);
  if (min !== undefined && max !== undefined && min > max) {
    throw invalidField("subscription.min_retry_delay", "is longer than max_retry_delay");
  }
  return {
    minRetryDelayMs: min ?? Math.min(DEFAULT_MIN_RETRY_DELAY_MS, max ?? Infinity),
    maxRetryDelayMs: max ?? Math.max(DEFAULT_MAX_RETRY_DELAY_MS, min ?? 0),
  };
}

function inactiveTtl({ inactiveTtl: ttl }: Subscription): Pick<SubscriptionConfig, "inactiveTtlMs"> {
  const inactiveTtlMs = durationField("subscription.inactive_ttl", ttl, SECOND_MS, MAX_INACTIVE_TTL_MS);
  return inactiveTtlMs === undefined ? {} : { inactiveTtlMs };
}
