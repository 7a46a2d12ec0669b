import type { GetSubscriptionRequest, GetSubscriptionResponse } from "@millrace/shared-types";

import type { CallContext } from "../../rpc/call-context.js";

import type { SubscriptionsDeps } from "./open-subscriptions.js";
import { toSubscription } from "./subscription-config.js";

/** Describes a subscription and how far it is. The backlog is an estimate from the events that come next. */
export async function getSubscription(
  { name }: GetSubscriptionRequest,
  _: CallContext,
  { subscriptions }: SubscriptionsDeps,
): Promise<GetSubscriptionResponse> {
  await using lease = await subscriptions.lease(name);
  return { subscription: toSubscription(lease.live.config), stats: await lease.live.stats() };
}
