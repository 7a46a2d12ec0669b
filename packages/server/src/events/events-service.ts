import type { EventServiceDefinition, ServiceHandlers, StreamingServiceDefinition } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { EventsDeps } from "./events-deps.js";
import { getLogInfo } from "./get-log-info.js";
import { publish } from "./publish.js";
import { publishStream } from "./publish-stream.js";
import { readEvents } from "./read-events.js";
import { consume } from "./subscriptions/consume.js";
import { createSubscription } from "./subscriptions/create-subscription.js";
import { deleteSubscription } from "./subscriptions/delete-subscription.js";
import { getSubscription } from "./subscriptions/get-subscription.js";
import { listSubscriptions } from "./subscriptions/list-subscriptions.js";
import type { SubscriptionsDeps } from "./subscriptions/open-subscriptions.js";
import { replayParked } from "./subscriptions/replay-parked.js";
import { seekSubscription } from "./subscriptions/seek-subscription.js";
import { truncateStream } from "./truncate-stream.js";
import { watchEventBatches } from "./watch-event-batches.js";
import { watchEvents } from "./watch-events.js";

/** Handlers of EventService. */
export function eventsService(deps: SubscriptionsDeps): ServiceHandlers<typeof EventServiceDefinition, CallContext> {
  return {
    publish: (request, context) => publish(request, context, deps),
    publishStream: (requests, context) => publishStream(requests, context, deps),
    readEvents: (request, context) => readEvents(request, context, deps),
    watchEventBatches: (request, context) => watchEventBatches(request, context, deps),
    getLogInfo: (request, context) => getLogInfo(request, context, deps),
    truncateStream: (request, context) => truncateStream(request, context, deps),
    createSubscription: (request, context) => createSubscription(request, context, deps),
    getSubscription: (request, context) => getSubscription(request, context, deps),
    listSubscriptions: (request, context) => listSubscriptions(request, context, deps),
    deleteSubscription: (request, context) => deleteSubscription(request, context, deps),
    seekSubscription: (request, context) => seekSubscription(request, context, deps),
    replayParked: (request, context) => replayParked(request, context, deps),
    consume: (requests, context) => consume(requests, context, deps),
  };
}

/** Handler of the RPC of StreamingService that carries events. */
export function eventStreams(
  deps: EventsDeps,
): Pick<ServiceHandlers<typeof StreamingServiceDefinition, CallContext>, "watchEvents"> {
  return { watchEvents: (request, context) => watchEvents(request, context, deps) };
}
