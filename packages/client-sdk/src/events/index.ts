export type { EventsApi, SubscriptionsApi } from "./events-api.js";
export { Park, RetryLater } from "./handler-outcome.js";
export type {
  ConsumerStats,
  DeleteSubscriptionOptions,
  Delivery,
  EventHandler,
  ListSubscriptionsOptions,
  ReplayParkedOptions,
  RunningSubscription,
  SubscribeOptions,
  SubscriptionInfo,
  SubscriptionReference,
  SubscriptionSpec,
  SubscriptionStats,
} from "./subscription-types.js";
export type {
  CaughtUpAt,
  EventSelection,
  EventStart,
  EventWatch,
  LogInfo,
  LogInfoOptions,
  OutgoingEvent,
  Published,
  Publisher,
  PublisherOptions,
  PublishOptions,
  ReadOptions,
  WatchedEvent,
  WatchOptions,
  WatchResumeOptions,
} from "./types.js";
