import { EventServiceDefinition, type SeekSubscriptionRequest } from "@millrace/shared-types";

import { present } from "../files/file-info.js";
import { entriesOf } from "../rpc/pages.js";
import {
  checkCall,
  checkDeleteOptions,
  checkListOptions,
  checkReplayOptions,
  checkSubscriptionSpec,
} from "./check-event-options.js";
import { toWireStart } from "./event-start.js";
import type { EventsDeps, SubscriptionsApi } from "./events-api.js";
import { toSubscriptionInfo, toSubscriptionMessage } from "./subscription-info.js";
import type { ListSubscriptionsOptions, SubscriptionInfo } from "./subscription-types.js";
import type { EventStart } from "./types.js";

const SERVICE = EventServiceDefinition;

/** The object behind `client.events.subscriptions`. */
export function createSubscriptionsApi(deps: EventsDeps): SubscriptionsApi {
  const { rpc } = deps;
  const { createSubscription, getSubscription, deleteSubscription, seekSubscription, replayParked } = SERVICE.methods;
  return {
    async create(spec, options = {}) {
      checkSubscriptionSpec(spec);
      checkCall(options);
      const request = { subscription: toSubscriptionMessage(spec) };
      return toSubscriptionInfo((await rpc.unary(SERVICE, createSubscription, request, options)).subscription);
    },
    async get(name, options = {}) {
      checkCall(options);
      const { subscription, stats } = await rpc.unary(SERVICE, getSubscription, { name }, options);
      return { ...toSubscriptionInfo(subscription), stats: present(stats, "stats") };
    },
    list: (options = {}) => list(deps, options),
    async delete(name, options = {}) {
      checkDeleteOptions(options);
      const { allowMissing = false, ...call } = options;
      await rpc.unary(SERVICE, deleteSubscription, { name, allowMissing }, call);
    },
    async seek(name, to, options = {}) {
      checkCall(options);
      await rpc.unary(SERVICE, seekSubscription, { name, target: toSeekTarget(to) }, options);
    },
    async replayParked(name, options = {}) {
      checkReplayOptions(options);
      const { limit = 0, ...call } = options;
      return (await rpc.unary(SERVICE, replayParked, { name, limit }, call)).replayed;
    },
  };
}

/** Fetches one page at a time, when the loop gets there; holds one page. Each loop begins anew. */
function list({ rpc }: EventsDeps, options: ListSubscriptionsOptions): AsyncIterable<SubscriptionInfo> {
  checkListOptions(options);
  return entriesOf(options, async (page, call) => {
    const answer = await rpc.unary(SERVICE, SERVICE.methods.listSubscriptions, page, call);
    return { entries: answer.subscriptions.map(toSubscriptionInfo), nextPageToken: answer.nextPageToken };
  });
}

function toSeekTarget(to: EventStart): SeekSubscriptionRequest["target"] {
  const start = toWireStart(to, "to");
  switch (start.$case) {
    case "resumeToken":
      return start;
    case "startSequence":
      return { $case: "sequence", value: start.value };
    case "startTime":
      return { $case: "time", value: start.value };
    case "startPosition":
      return { $case: "position", value: start.value };
  }
}
