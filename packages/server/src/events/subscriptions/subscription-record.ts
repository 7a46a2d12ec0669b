import type { ServiceError } from "@millrace/shared-types";
import { resourceNotFound } from "@millrace/shared-types";

import type { RecordStore } from "../../ports/record-store.js";
import type { Versioned } from "../../records/json-records.js";
import { getJson } from "../../records/json-records.js";

import type { SubscriptionConfig } from "./subscription-config.js";

/** Subscriptions by name. */
export const SUBSCRIPTIONS = "subscriptions";
/** How far each subscription is, by its id. */
export const STATES = "subscriptionstates";
/** Parked events of all subscriptions: `id/number`. */
export const PARKED = "parkedevents";
/** Ids of deleted subscriptions whose parked events are still there. */
export const GARBAGE = "deletedsubscriptions";

/** A subscription as it is stored. */
export interface SubscriptionRecord {
  /** Random: one that is deleted and made anew under its name is another. */
  readonly id: string;
  readonly config: SubscriptionConfig;
  /** Of the log in which its position has a meaning. */
  readonly epoch: string;
}

/** An event that was given up. Its content stays in the log, for as long as that is retained. */
export interface ParkedRecord {
  readonly sequence: number;
  readonly attempts: number;
  readonly reason: string;
  readonly parkedAtMs: number;
}

/** Key of a parked event: they are numbered from 1 in the order in which they were parked. */
export function parkedKey(id: string, number: number): string {
  return `${id}/${String(number).padStart(16, "0")}`;
}

/** @throws ServiceError `RESOURCE_NOT_FOUND` */
export async function loadSubscription(records: RecordStore, name: string): Promise<Versioned<SubscriptionRecord>> {
  const found = await getJson<SubscriptionRecord>(records, SUBSCRIPTIONS, name);
  if (found === undefined) throw subscriptionNotFound(name);
  return found;
}

export function subscriptionNotFound(name: string): ServiceError {
  return resourceNotFound("subscription", name);
}
