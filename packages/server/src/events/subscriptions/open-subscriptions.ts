import type { EventsDeps } from "../events-deps.js";

import { Subscriptions } from "./subscriptions.js";
import { subscriptionsUpkeep } from "./upkeep.js";

/** What the operations on subscriptions work with. */
export interface SubscriptionsDeps extends EventsDeps {
  readonly subscriptions: Subscriptions;
}

/** Subscriptions, running. Disposing of them makes durable what was acknowledged; store, log and feed stay open. */
export interface OpenSubscriptions extends AsyncDisposable {
  readonly subscriptions: Subscriptions;
}

/** Makes subscriptions usable, and starts the upkeep that removes those that nobody uses. */
export function openSubscriptions(deps: EventsDeps): OpenSubscriptions {
  const subscriptions = new Subscriptions(deps);
  const upkeep = subscriptionsUpkeep(deps, subscriptions);
  return {
    subscriptions,
    async [Symbol.asyncDispose]() {
      await upkeep[Symbol.asyncDispose]();
      await subscriptions[Symbol.asyncDispose]();
    },
  };
}
