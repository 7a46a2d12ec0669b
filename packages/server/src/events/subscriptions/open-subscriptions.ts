import type { EventsDeps } from "../events-deps.js";

import { Subscriptions } from "./subscriptions.js";
import { Sweeper } from "./sweeper.js";

/** What the operations on subscriptions work with. */
export interface SubscriptionsDeps extends EventsDeps {
  readonly subscriptions: Subscriptions;
}

/** Subscriptions, running. Disposing of them makes durable what was acknowledged; store, log and feed stay open. */
export interface OpenSubscriptions extends AsyncDisposable {
  readonly subscriptions: Subscriptions;
}

/** Makes subscriptions usable, and starts the sweeper that removes those that nobody uses. */
export function openSubscriptions(deps: EventsDeps): OpenSubscriptions {
  const subscriptions = new Subscriptions(deps);
  const sweeper = new Sweeper(deps, subscriptions);
  sweeper.start();
  return {
    subscriptions,
    async [Symbol.asyncDispose]() {
      await sweeper[Symbol.asyncDispose]();
      await subscriptions[Symbol.asyncDispose]();
    },
  };
}
