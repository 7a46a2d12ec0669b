import type { SeekSubscriptionRequest, SeekSubscriptionResponse, WatchRequest } from "@millrace/shared-types";
import { invalidField } from "@millrace/shared-types";

import type { CallContext } from "../../rpc/call-context.js";
import { startOf } from "../start-position.js";

import type { SubscriptionsDeps } from "./open-subscriptions.js";

/**
 * Moves a subscription to another position. What consumers have in flight is void: they get what is at the new
 * position, and acknowledgements of what they had are answered as expired. Parked events stay parked.
 */
export async function seekSubscription(
  { name, target }: SeekSubscriptionRequest,
  _: CallContext,
  deps: SubscriptionsDeps,
): Promise<SeekSubscriptionResponse> {
  if (target === undefined) throw invalidField("target", "must be set");
  await using lease = await deps.subscriptions.lease(name);
  await lease.live.seek(await startOf(toStart(target), "", deps));
  return {};
}

/** The same position, as the start of a watch. */
function toStart(target: NonNullable<SeekSubscriptionRequest["target"]>): WatchRequest["start"] {
  switch (target.$case) {
    case "resumeToken":
      return target;
    case "sequence":
      return { $case: "startSequence", value: target.value };
    case "time":
      return { $case: "startTime", value: target.value };
    case "position":
      return { $case: "startPosition", value: target.value };
  }
}
