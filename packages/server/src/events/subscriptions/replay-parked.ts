import type { ReplayParkedRequest, ReplayParkedResponse } from "@millrace/shared-types";
import { invalidField } from "@millrace/shared-types";

import type { CallContext } from "../../rpc/call-context.js";

import type { SubscriptionsDeps } from "./open-subscriptions.js";

/** Puts parked events back in the queue, in the order in which they were parked. Their attempts are counted anew. */
export async function replayParked(
  { name, limit }: ReplayParkedRequest,
  _: CallContext,
  { subscriptions }: SubscriptionsDeps,
): Promise<ReplayParkedResponse> {
  if (limit < 0) throw invalidField("limit", `is ${String(limit)}, must not be negative`);
  await using lease = await subscriptions.lease(name);
  return { replayed: await lease.live.replayParked(limit || Infinity) };
}
