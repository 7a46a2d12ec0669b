import { isDeepStrictEqual } from "node:util";

import type { CreateSubscriptionRequest, CreateSubscriptionResponse } from "@millrace/shared-types";
import { invalidField, ServiceError } from "@millrace/shared-types";

import { getJson, putJson, untilCommitted } from "../../records/json-records.js";
import { newId } from "../../records/new-id.js";
import type { CallContext } from "../../rpc/call-context.js";
import type { EventsDeps } from "../events-deps.js";
import { selectionOf } from "../selection.js";
import { startOf } from "../start-position.js";

import { addIdle } from "./idle-list.js";
import type { SubscriptionConfig } from "./subscription-config.js";
import { configOf, toSubscription, toWatch } from "./subscription-config.js";
import type { SubscriptionRecord } from "./subscription-record.js";
import { STATES, SUBSCRIPTIONS } from "./subscription-record.js";
import { initialState, toStored } from "./subscription-state.js";

const PATH = "subscription.watch.";

/**
 * Makes a subscription, which begins where `watch.start` is at this moment. Making the same one again changes
 * nothing and succeeds.
 */
export async function createSubscription(
  { subscription }: CreateSubscriptionRequest,
  _: CallContext,
  deps: EventsDeps,
): Promise<CreateSubscriptionResponse> {
  if (subscription === undefined) throw invalidField("subscription", "must be set");
  const config = configOf(subscription);
  selectionOf(toWatch(config), PATH, deps.limits);
  return untilCommitted(async () => {
    const existing = await getJson<SubscriptionRecord>(deps.records, SUBSCRIPTIONS, config.name);
    if (existing === undefined) await store(config, deps);
    else if (!isDeepStrictEqual(existing.value.config, config)) throw subscriptionExists(config.name);
    return { subscription: toSubscription(config) };
  });
}

async function store(config: SubscriptionConfig, deps: EventsDeps): Promise<void> {
  const { records, clock } = deps;
  const { name, inactiveTtlMs } = config;
  const position = await startOf(config.start, PATH, deps);
  const record: SubscriptionRecord = { id: newId(), config, epoch: deps.feed.epoch };
  const nowMs = clock.now();
  await records.commit([
    putJson(SUBSCRIPTIONS, name, record, 0),
    putJson(STATES, record.id, toStored(initialState(position, nowMs))),
    ...(inactiveTtlMs === undefined ? [] : [addIdle(nowMs + inactiveTtlMs, name)]),
  ]);
}

function subscriptionExists(name: string): ServiceError {
  return new ServiceError("RESOURCE_EXISTS", `there is another subscription ${JSON.stringify(name)}`, {
    metadata: { resource_type: "subscription", resource_name: name },
  });
}
