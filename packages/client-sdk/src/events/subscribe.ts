import { randomUUID } from "node:crypto";

import { type ConsumeOpen, durationOfMs, type PartialMessage } from "@millrace/shared-types";

import { InternalError, StreamingError } from "../errors.js";
import type { CallOptions } from "../options.js";
import { deferred } from "../rpc/deferred.js";
import { handled } from "../rpc/handled.js";
import type { ResumeLoop } from "../rpc/resume-loop.js";
import type { StreamEnd } from "../rpc/streams.js";
import { checkSubscribe } from "./check-event-options.js";
import { consumeOverStream } from "./consume-over-stream.js";
import type { ConsumeSession } from "./consume-session.js";
import { ensureSubscription } from "./ensure-subscription.js";
import type { EventsDeps } from "./events-api.js";
import { HandlerPool } from "./handler-pool.js";
import { DEFAULT_HEARTBEAT_MS, silenceAfterMs } from "./heartbeat.js";
import type {
  ConsumerStats,
  EventHandler,
  RunningSubscription,
  SubscribeOptions,
  SubscriptionReference,
} from "./subscription-types.js";
import { toCallOptions } from "./watch-request.js";

const DEFAULT_CONCURRENCY = 10;
const DEFAULT_MAX_HANDLER_MS = 3_600_000;

/** For each event that is handled, one more is on its way. */
const IN_FLIGHT_PER_HANDLER = 2;

const MAX_IN_FLIGHT = 10_000;

/** How long `close` waits for the last acknowledgements, in milliseconds. */
const LAST_ANSWERS_MS = 10_000;

/** Runs a handler over a subscription. See {@link EventsApi.subscribe}. */
export function subscribe(
  deps: EventsDeps,
  reference: SubscriptionReference,
  handler: EventHandler,
  options: SubscribeOptions = {},
): RunningSubscription {
  checkSubscribe(reference, options);
  return new EventConsumer(deps, typeof reference === "string" ? { name: reference } : reference, handler, options);
}

class EventConsumer implements RunningSubscription {
  readonly ready: Promise<void>;
  readonly closed: Promise<StreamEnd>;
  readonly #deps: EventsDeps;
  readonly #reference: Exclude<SubscriptionReference, string>;
  readonly #options: SubscribeOptions;
  readonly #open: PartialMessage<ConsumeOpen>;
  readonly #pool: HandlerPool;
  readonly #opened = deferred();
  readonly #closed = deferred<StreamEnd>();
  /** Ends calls and backoffs. */
  readonly #over = new AbortController();
  readonly #signal: AbortSignal;
  readonly #running: Promise<void>;
  /** Of the present stream, once the server has attached it. */
  #session: ConsumeSession | undefined;
  #isCreated: boolean;
  #closing: Promise<void> | undefined;

  constructor(
    deps: EventsDeps,
    reference: Exclude<SubscriptionReference, string>,
    handler: EventHandler,
    options: SubscribeOptions,
  ) {
    const { concurrency = DEFAULT_CONCURRENCY, maxHandlerMs = DEFAULT_MAX_HANDLER_MS, signal } = options;
    const { maxInFlight = Math.min(MAX_IN_FLIGHT, IN_FLIGHT_PER_HANDLER * concurrency) } = options;
    this.#deps = deps;
    this.#reference = reference;
    this.#options = options;
    this.#open = openOf(reference.name, { ...options, maxInFlight });
    this.#isCreated = reference.create === undefined;
    this.#pool = new HandlerPool({
      handler,
      clock: deps.clock,
      concurrency,
      maxHandlerMs,
      maxInFlight,
      onVerdict: (ackId, verdict) => this.#session?.tell(ackId, verdict),
      onExpired: (event) => this.#callBack(() => options.onExpired?.(event)),
      onHandlerError: (error, event) => this.#callBack(() => options.onHandlerError?.(error, event)),
    });
    this.#signal = signal ? AbortSignal.any([signal, this.#over.signal]) : this.#over.signal;
    this.closed = this.#closed.promise;
    this.ready = handled(Promise.race([this.#opened.promise, this.closed.then(neverReady)]));
    this.#running = this.#run();
  }

  get stats(): ConsumerStats {
    return this.#pool.stats;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  cancel(reason?: unknown): void {
    this.#end({ type: "cancelled" }, reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    this.#pool.stop();
    await this.#pool.idle();
    const stopTimer = this.#deps.clock.after(LAST_ANSWERS_MS, () => this.#end({ type: "completed" }));
    // Without a stream there is nobody to tell anything.
    if (this.#session === undefined) this.#end({ type: "completed" });
    else this.#session.finish();
    await this.#running;
    stopTimer();
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const loop = this.#deps.openResumeLoop({ policy: this.#options.resume, signal: this.#signal });
    try {
      while (!this.#isFinished()) await this.#attempt(loop);
      this.#end({ type: "completed" });
    } catch (cause) {
      const error = StreamingError.is(cause) ? cause : new InternalError("the consumer failed", { cause });
      this.#end({ type: "failed", error }, error);
    }
  }

  /** Consumes over one stream, and waits before the next one if it fails. Throws if there is to be none. */
  async #attempt(loop: ResumeLoop): Promise<void> {
    const { onGap, heartbeatMs = DEFAULT_HEARTBEAT_MS } = this.#options;
    const task = {
      open: this.#open,
      pool: this.#pool,
      onOpened: (session: ConsumeSession) => this.#begin(session),
      onProgress: () => loop.progressed(),
      onGap: (gap: { readonly fromSequence: number; readonly toSequence: number }) => onGap?.(gap),
      isFinished: () => this.#isFinished(),
    };
    try {
      await this.#ensureSubscription();
      await consumeOverStream(this.#deps, task, this.#callOptions(silenceAfterMs(heartbeatMs)));
    } catch (error) {
      this.#pool.lost();
      if (!this.#isFinished()) await loop.waitAfter(error);
    } finally {
      this.#session = undefined;
    }
  }

  async #ensureSubscription(): Promise<void> {
    if (this.#isCreated) return;
    const { name, create } = this.#reference;
    await ensureSubscription(this.#deps.rpc, { name, ...create }, this.#callOptions());
    this.#isCreated = true;
  }

  #begin(session: ConsumeSession): void {
    this.#session = session;
    this.#opened.resolve();
  }

  /** Nothing more is to be handled or told. */
  #isFinished(): boolean {
    return this.#closing !== undefined && this.#pool.stats.running === 0;
  }

  #callOptions(idleTimeoutMs?: number): CallOptions {
    return toCallOptions({ signal: this.#signal, headers: this.#options.headers, idleTimeoutMs });
  }

  #callBack(call: () => void): void {
    try {
      call();
    } catch (cause) {
      const error = new InternalError("a callback of the subscription threw", { cause });
      this.#end({ type: "failed", error }, error);
    }
  }

  /** The first end counts. */
  #end(end: StreamEnd, reason?: unknown): void {
    this.#closed.resolve(end);
    this.#pool.abort(reason);
    this.#over.abort(reason);
  }
}

function openOf(
  subscription: string,
  {
    consumerId = randomUUID(),
    maxInFlight = 0,
    maxInFlightBytes = 0,
    heartbeatMs = DEFAULT_HEARTBEAT_MS,
  }: SubscribeOptions,
): PartialMessage<ConsumeOpen> {
  const heartbeatInterval = heartbeatMs === 0 ? undefined : durationOfMs(heartbeatMs);
  return { subscription, consumerId, maxInFlight, maxInFlightBytes, heartbeatInterval };
}

function neverReady(end: StreamEnd): never {
  if (end.type === "failed") throw end.error;
  throw new Error("the subscription was closed before the server had attached it");
}
