import type { ListSubscriptionsRequest, ListSubscriptionsResponse } from "@millrace/shared-types";
import { encodeMessage, Subscription } from "@millrace/shared-types";

import { loadPage } from "../../records/load-page.js";
import { pageLimit } from "../../records/page-tokens.js";
import type { CallContext } from "../../rpc/call-context.js";
import type { EventsDeps } from "../events-deps.js";

import { toSubscription } from "./subscription-config.js";
import type { SubscriptionRecord } from "./subscription-record.js";
import { SUBSCRIPTIONS } from "./subscription-record.js";

const SHAPE = "subscriptions";

/** Lists all subscriptions in order of name. A page may be short when they are described at length; the token counts. */
export async function listSubscriptions(
  { pageSize, pageToken }: ListSubscriptionsRequest,
  _: CallContext,
  { records, pageTokens }: EventsDeps,
): Promise<ListSubscriptionsResponse> {
  const limit = pageLimit(pageSize);
  const after = pageTokens.positionOf(pageToken, SHAPE);
  const found = await records.scan(SUBSCRIPTIONS, { limit: limit + 1, ...(after !== undefined && { after }) });
  const load = async ({ value }: { readonly value: string }): Promise<Subscription> =>
    toSubscription((JSON.parse(value) as SubscriptionRecord).config);
  const bytesOf = (subscription: Subscription): number => encodeMessage(Subscription, subscription).length;
  const page = await loadPage(found, { limit, load, bytesOf });
  return { subscriptions: [...page.items], nextPageToken: pageTokens.tokenFor(page.nextAfter, SHAPE) };
}
