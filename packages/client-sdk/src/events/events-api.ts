import type { CallOptions } from "../options.js";
import type { ResumingRpc } from "../rpc/resuming-rpc.js";
import type { ResumableStream } from "../rpc/streams.js";
import { logInfo, truncate } from "./log-info.js";
import { createPublish } from "./publish.js";
import { publisher } from "./publisher.js";
import { read } from "./read.js";
import { subscribe } from "./subscribe.js";
import type {
  DeleteSubscriptionOptions,
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
import { createSubscriptionsApi } from "./subscriptions-api.js";
import type {
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
} from "./types.js";
import { watch } from "./watch.js";

/** What the operations on events are made of. */
export type EventsDeps = ResumingRpc;

/** The event log of the server. */
export interface EventsApi {
  /**
   * Publishes an event, or several of one stream, all or none. Resolves once they are durable. Tried again
   * after lost connections and restarts of the server until the outcome is known: the ids make sure that
   * nothing is stored twice.
   *
   * @throws {StreamingError} ABORTED if `expectedRevision` does not hold (REVISION_MISMATCH) or the stream has
   *   another event of that id (IDEMPOTENCY_CONFLICT); INVALID_ARGUMENT for an event that is none or too large.
   *   After AbortError, DEADLINE_EXCEEDED and UNAVAILABLE the events may be stored or not: publishing them again
   *   with the same ids is safe
   * @throws {TypeError} for unknown names, and for events of different streams
   */
  publish(event: OutgoingEvent, options?: PublishOptions): Promise<Published>;
  publish(events: readonly OutgoingEvent[], options?: PublishOptions): Promise<readonly Published[]>;
  /** Opens a publisher for many events, each durable by itself. Connects when the first event is published. */
  publisher(options?: PublisherOptions): Publisher;
  /** Follows the log. Begins at once: what is published after `ready` is not missed. */
  watch(options?: WatchOptions): EventWatch;
  /**
   * Reads a part of the log, in order and without repeats, then ends. Goes on by itself after lost connections.
   * Backwards, its position is where another read goes on that may begin with the event given last.
   *
   * @throws {StreamingError} from the loop: as a watch
   */
  read(options?: ReadOptions): ResumableStream<WatchedEvent, string>;
  /** What the log holds. */
  info(options?: LogInfoOptions): Promise<LogInfo>;
  /**
   * Drops the events of a stream below a revision, for all readers; the newest one is kept. Returns the
   * oldest revision that is left, 0 if there is none.
   */
  truncate(stream: string, beforeRevision: number, options?: CallOptions): Promise<number>;
  /**
   * Handles the events of a durable subscription, which other consumers may share: each event goes to one of
   * them, and comes again until a handler has succeeded or it is parked. Begins at once; goes on by itself
   * after lost connections and restarts of the server.
   */
  subscribe(
    subscription: SubscriptionReference,
    handler: EventHandler,
    options?: SubscribeOptions,
  ): RunningSubscription;
  readonly subscriptions: SubscriptionsApi;
}

/** Durable subscriptions. */
export interface SubscriptionsApi {
  /** @throws {StreamingError} ALREADY_EXISTS if there is one of that name */
  create(spec: SubscriptionSpec, options?: CallOptions): Promise<SubscriptionInfo>;
  /** @throws {StreamingError} NOT_FOUND if there is none */
  get(name: string, options?: CallOptions): Promise<SubscriptionInfo & { readonly stats: SubscriptionStats }>;
  /** All subscriptions, fetched page by page as the loop goes on. */
  list(options?: ListSubscriptionsOptions): AsyncIterable<SubscriptionInfo>;
  /**
   * Deletes a subscription; its consumers fail with NOT_FOUND.
   *
   * @throws {StreamingError} NOT_FOUND unless `allowMissing`
   */
  delete(name: string, options?: DeleteSubscriptionOptions): Promise<void>;
  /**
   * Moves a subscription to another position: what lies after it is delivered (again).
   *
   * @throws {StreamingError} NOT_FOUND; OUT_OF_RANGE (COMPACTED, FUTURE_POSITION) if the position is not there
   */
  seek(name: string, to: EventStart, options?: CallOptions): Promise<void>;
  /** Puts parked events back in the queue; returns how many. */
  replayParked(name: string, options?: ReplayParkedOptions): Promise<number>;
}

/** The object behind `client.events`. */
export function createEventsApi(deps: EventsDeps): EventsApi {
  return {
    publish: createPublish(deps),
    publisher: (options) => publisher(deps, options),
    watch: (options) => watch(deps, options),
    read: (options) => read(deps, options),
    info: (options) => logInfo(deps, options),
    truncate: (stream, beforeRevision, options) => truncate(deps, stream, beforeRevision, options),
    subscribe: (subscription, handler, options) => subscribe(deps, subscription, handler, options),
    subscriptions: createSubscriptionsApi(deps),
  };
}
