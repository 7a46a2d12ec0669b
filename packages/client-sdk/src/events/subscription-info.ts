import {
  type Duration,
  durationOfMs,
  msOfDuration,
  type PartialMessage,
  type Subscription,
} from "@millrace/shared-types";

import { present } from "../files/file-info.js";
import { toWireStart } from "./event-start.js";
import type { SubscriptionInfo, SubscriptionSpec } from "./subscription-types.js";

/** Wire form of a subscription that is to be made; what is left out is the server's choice. */
export function toSubscriptionMessage(spec: SubscriptionSpec): PartialMessage<Subscription> {
  const { name, types = [], streams = [], filter = "", from = "end", orderedByKey = false } = spec;
  return {
    name,
    watch: { eventTypes: [...types], streams: [...streams], filter, start: toWireStart(from) },
    ackDeadline: durationOrDefault(spec.ackDeadlineMs),
    maxDeliveryAttempts: spec.maxDeliveryAttempts ?? DEFAULT_DELIVERY_ATTEMPTS,
    minRetryDelay: durationOrDefault(spec.minRetryDelayMs),
    maxRetryDelay: durationOrDefault(spec.maxRetryDelayMs),
    orderedByKey,
    inactiveTtl: durationOrDefault(spec.inactiveTtlMs),
  };
}

/** On the wire 0 means without end, so the default has to be said. */
const DEFAULT_DELIVERY_ATTEMPTS = 10;

/**
 * The public form of a subscription.
 *
 * @throws {InternalError} if the server left out the subscription or a part that it promises
 */
export function toSubscriptionInfo(message: Subscription | undefined): SubscriptionInfo {
  const subscription = present(message, "subscription");
  const { name, watch, maxDeliveryAttempts, orderedByKey, inactiveTtl } = subscription;
  const { eventTypes: types, streams, filter } = present(watch, "subscription.watch");
  return {
    name,
    types,
    streams,
    filter,
    ackDeadlineMs: msOf(subscription.ackDeadline, "subscription.ack_deadline"),
    maxDeliveryAttempts,
    minRetryDelayMs: msOf(subscription.minRetryDelay, "subscription.min_retry_delay"),
    maxRetryDelayMs: msOf(subscription.maxRetryDelay, "subscription.max_retry_delay"),
    orderedByKey,
    inactiveTtlMs: inactiveTtl && msOfDuration(inactiveTtl),
  };
}

function msOf(duration: Duration | undefined, field: string): number {
  return msOfDuration(present(duration, field));
}

function durationOrDefault(ms: number | undefined): Duration | undefined {
  return ms === undefined ? undefined : durationOfMs(ms);
}
