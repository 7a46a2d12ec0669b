import type { CallOptions, ResumePolicy } from "../options.js";
import type { StreamEnd } from "../rpc/streams.js";
import type { EventSelection, EventStart, WatchedEvent } from "./types.js";

/** A durable subscription: a consumer group over the log. */
export interface SubscriptionSpec extends EventSelection {
  /** 1 to 128 of `A-Z a-z 0-9 - _ .` */
  readonly name: string;
  /** Where to begin. Default: `end`. */
  readonly from?: EventStart;
  /** Time a consumer has to acknowledge, in milliseconds. Default 30_000; 1_000 to 600_000. */
  readonly ackDeadlineMs?: number;
  /** Attempts before an event is parked. Default 10; 0: without end. */
  readonly maxDeliveryAttempts?: number;
  /** First delay before another attempt, in milliseconds; doubles each time. Default 1_000. */
  readonly minRetryDelayMs?: number;
  /** Longest delay before another attempt, in milliseconds. Default 60_000. */
  readonly maxRetryDelayMs?: number;
  /** Events of one key are handled in order, one at a time. Default false. */
  readonly orderedByKey?: boolean;
  /** Is deleted after this long without a consumer, in milliseconds. Default: never. */
  readonly inactiveTtlMs?: number;
}

/** A subscription as the server keeps it. */
export interface SubscriptionInfo {
  readonly name: string;
  readonly types: readonly string[];
  readonly streams: readonly string[];
  readonly filter: string;
  readonly ackDeadlineMs: number;
  /** 0: without end. */
  readonly maxDeliveryAttempts: number;
  readonly minRetryDelayMs: number;
  readonly maxRetryDelayMs: number;
  readonly orderedByKey: boolean;
  /** `undefined`: never. */
  readonly inactiveTtlMs: number | undefined;
}

/** How far a subscription is. */
export interface SubscriptionStats {
  /** Everything up to this sequence is acknowledged. */
  readonly acknowledgedSequence: number;
  /** Selected events that are not acknowledged; an estimate. */
  readonly backlog: number;
  /** Delivered and not acknowledged. */
  readonly inFlight: number;
  readonly parked: number;
  /** Connected consumers. */
  readonly consumers: number;
}

export interface ListSubscriptionsOptions extends CallOptions {
  /** Subscriptions fetched at a time. Default 100, at most 1000. */
  readonly pageSize?: number;
}

export interface DeleteSubscriptionOptions extends CallOptions {
  /** Succeeds if there is no such subscription. Default false. */
  readonly allowMissing?: boolean;
}

export interface ReplayParkedOptions extends CallOptions {
  /** Most events to put back. Default: all. */
  readonly limit?: number;
}

/** Which subscription to consume; with `create`, one that is made if there is none of that name. */
export type SubscriptionReference =
  | string
  | { readonly name: string; readonly create?: Omit<SubscriptionSpec, "name"> };

/** One attempt to handle an event. */
export interface Delivery {
  /** 1 for the first attempt, also if that was another consumer's. */
  readonly attempt: number;
  /** Aborts when the result is not waited for any more: after `maxHandlerMs`, or when the subscription was cancelled or failed. */
  readonly signal: AbortSignal;
}

/**
 * Handles one event. When it resolves, the event is acknowledged; when it throws, the event comes
 * again later, by the subscription's delays: throw {@link RetryLater} or {@link Park} to choose.
 * An event may come more than once: a handler must be able to stand that.
 */
export type EventHandler = (event: WatchedEvent, delivery: Delivery) => unknown;

export interface SubscribeOptions extends Pick<CallOptions, "signal" | "headers"> {
  /** Handlers that run at a time. Default 10. */
  readonly concurrency?: number;
  /** Events that the server sends ahead, running ones included. Default: twice `concurrency`; at most 10_000. */
  readonly maxInFlight?: number;
  /** The same in bytes of payloads. Default 8 MiB. */
  readonly maxInFlightBytes?: number;
  /**
   * Longest time that an event is kept from others while its handler runs, in milliseconds: until then the
   * ack deadline is moved as needed, then the delivery's signal aborts. Default 3_600_000.
   */
  readonly maxHandlerMs?: number;
  /** How often the server says that it is alive, in milliseconds. Default 5_000; 1_000 to 600_000; 0: never. */
  readonly heartbeatMs?: number;
  /** Names this consumer to the server. Default: a new one for each call. */
  readonly consumerId?: string;
  /** Called with an event that was handled but whose acknowledgement came too late: it will be handled again. */
  readonly onExpired?: (event: WatchedEvent) => void;
  /** Called when events were removed from the log before they could be delivered: retention was faster than the consumers. */
  readonly onGap?: (gap: { readonly fromSequence: number; readonly toSequence: number }) => void;
  /** Called with what a handler threw, besides `RetryLater` and `Park`. */
  readonly onHandlerError?: (error: unknown, event: WatchedEvent) => void;
  /** `false`: the first failure is final. Default: the client's policy. */
  readonly resume?: ResumePolicy | false;
}

/** Events of a running subscription so far. */
export interface ConsumerStats {
  /** Given to the handler. */
  readonly handled: number;
  /** Acknowledged, and that is durable. */
  readonly acknowledged: number;
  /** Given back after the handler failed. */
  readonly failed: number;
  /** Acknowledged too late. */
  readonly expired: number;
  /** Handlers that run. */
  readonly running: number;
}

/** A handler at work on a subscription. */
export interface RunningSubscription extends AsyncDisposable {
  /** Resolves when the server has attached the handler for the first time; rejects if it ends before. Needs no handler. */
  readonly ready: Promise<void>;
  /** Resolves when it has ended, and how; never rejects. */
  readonly closed: Promise<StreamEnd>;
  readonly stats: ConsumerStats;
  /**
   * Starts no more handlers, waits for those that run and until their acknowledgements are durable (for that
   * 10 s at most). Events that were sent ahead go to other consumers.
   */
  close(): Promise<void>;
  /** Ends at once; what runs is told by its signal, and its result does not count. */
  cancel(reason?: unknown): void;
  /** Closes. */
  [Symbol.asyncDispose](): Promise<void>;
}
