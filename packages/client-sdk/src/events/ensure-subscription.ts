import { EventServiceDefinition, StatusCode } from "@millrace/shared-types";

import { StreamingError } from "../errors.js";
import { answerOf } from "../files/answer-of.js";
import type { CallOptions } from "../options.js";
import type { Rpc } from "../rpc/rpc.js";
import { toSubscriptionMessage } from "./subscription-info.js";
import type { SubscriptionSpec } from "./subscription-types.js";

/** Makes a subscription unless there is one of that name, whatever that is like. Not retried here. */
export async function ensureSubscription(rpc: Rpc, spec: SubscriptionSpec, call: CallOptions): Promise<void> {
  const { createSubscription } = EventServiceDefinition.methods;
  const request = { subscription: toSubscriptionMessage(spec) };
  try {
    await answerOf(rpc.unary(EventServiceDefinition, createSubscription, request, { ...call, retry: false }));
  } catch (error) {
    if (!(StreamingError.is(error) && error.code === StatusCode.ALREADY_EXISTS)) throw error;
  }
}
