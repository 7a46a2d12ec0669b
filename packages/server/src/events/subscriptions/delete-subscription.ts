import type { DeleteSubscriptionRequest, DeleteSubscriptionResponse } from "@millrace/shared-types";
import { ServiceError } from "@millrace/shared-types";

import type { CallContext } from "../../rpc/call-context.js";

import type { SubscriptionsDeps } from "./open-subscriptions.js";

/** Deletes a subscription and its parked events. Its consumers' streams end with RESOURCE_NOT_FOUND. */
export async function deleteSubscription(
  { name, allowMissing }: DeleteSubscriptionRequest,
  _: CallContext,
  { subscriptions }: SubscriptionsDeps,
): Promise<DeleteSubscriptionResponse> {
  try {
    await subscriptions.delete(name);
  } catch (error) {
    const isMissing = error instanceof ServiceError && error.reason === "RESOURCE_NOT_FOUND";
    if (!isMissing || !allowMissing) throw error;
  }
  return {};
}
