import type { SubscriptionStats } from "@millrace/shared-types";
import { StatusCode, ServiceError } from "@millrace/shared-types";

import type { Versioned } from "../../records/json-records.js";
import { StatusError } from "../../rpc/status-error.js";
import type { EventsDeps } from "../events-deps.js";
import type { Selection, SkippedPart } from "../feed.js";
import { heartbeat } from "../watch-controls.js";

import type { ConsumerOptions } from "./consumer-options.js";
import { Consumer } from "./consumer.js";
import { Dispatcher } from "./dispatcher.js";
import { estimateBacklog } from "./estimate-backlog.js";
import { Ledger } from "./ledger.js";
import { LogReader } from "./log-reader.js";
import type { Verdict } from "./outcomes.js";
import { Outcomes } from "./outcomes.js";
import type { SubscriptionConfig } from "./subscription-config.js";
import type { SubscriptionRecord } from "./subscription-record.js";
import type { StoredState } from "./subscription-state.js";
import { WorkQueue } from "./work-queue.js";

/** Nobody sees it: it ends what still works for a stream that has ended. */
const STREAM_OVER = new StatusError(StatusCode.CANCELLED, "the stream is over");

/**
 * A subscription that somebody works with: its queue, its consumers, and what becomes of deliveries. If that
 * cannot be made durable, everybody's stream ends, and whoever comes next begins with what is stored.
 */
export class LiveSubscription {
  readonly config: SubscriptionConfig;
  readonly #deps: EventsDeps;
  readonly #selection: Selection;
  readonly #queue: WorkQueue;
  readonly #ledger: Ledger;
  readonly #dispatcher: Dispatcher;
  readonly #outcomes: Outcomes;
  #reader: LogReader | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(deps: EventsDeps, subscription: SubscriptionRecord, state: Versioned<StoredState>, selection: Selection) {
    const { config } = subscription;
    this.config = config;
    this.#deps = deps;
    this.#selection = selection;
    this.#queue = new WorkQueue(config.orderedByKey);
    this.#ledger = new Ledger(deps, subscription, state, this.#queue);
    this.#dispatcher = new Dispatcher(this.#queue, {
      clock: deps.clock,
      ackDeadlineMs: config.ackDeadlineMs,
      onExpired: ({ work }) => this.#outcomes.tryAgain(work, 0, "not acknowledged in time"),
    });
    this.#outcomes = new Outcomes({
      config,
      clock: deps.clock,
      queue: this.#queue,
      ledger: this.#ledger,
      onWritten: () => this.#onWritten(),
      onFailure: (error) => this.#breakDown(error),
    });
  }

  /** It is of no use any more: all calls fail. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  get consumers(): number {
    return this.#dispatcher.consumers.size;
  }

  /** Since when there has been no consumer, in milliseconds since 1970. */
  get idleSinceMs(): number {
    return this.#ledger.idleSinceMs;
  }

  /** Adds a consumer. One with the same id ends with ABORTED, and what it had in flight goes to the new one. */
  attach(options: ConsumerOptions): Consumer {
    this.throwIfFailed();
    const consumer = new Consumer(options, {
      clock: this.#deps.clock,
      heartbeat: () => heartbeat(this.#ledger.acknowledged, options.heartbeatMs, this.#deps),
      onIdle: () => this.#dispatch(),
    });
    const before = [...this.#dispatcher.consumers].find(({ options: { id } }) => id !== "" && id === options.id);
    if (before !== undefined) this.#handOver(before, consumer);
    this.#dispatcher.add(consumer);
    if (this.#reader === undefined) this.#read();
    return consumer;
  }

  /** The consumer's stream has ended: what it had in flight goes to others, at once. */
  detach(consumer: Consumer): void {
    consumer.outbox.fail(STREAM_OVER);
    if (!this.#dispatcher.remove(consumer) || this.hasFailed) return;
    this.#giveUp(consumer, "the consumer was lost");
    if (this.consumers > 0) return;
    this.#stopReading();
    this.#ledger.idleSinceMs = this.#deps.clock.now();
    void this.#outcomes.write();
  }

  /** The consumer says no more. */
  halfClose(consumer: Consumer): void {
    consumer.halfClose();
    this.#giveUp(consumer, "the consumer left");
  }

  /** What a consumer says about deliveries; `cumulative`: and about all that it was given before the last of them. */
  judge(consumer: Consumer, ackIds: readonly string[], verdict: Verdict, cumulative = false): void {
    this.#dispatcher.expire();
    this.#outcomes.judge(consumer, consumer.settle(ackIds, cumulative), verdict);
    this.#dispatch();
  }

  /** Gives deliveries until `deadlineMs` from now. */
  extend(consumer: Consumer, ackIds: readonly string[], deadlineMs: number): void {
    this.#dispatcher.expire();
    consumer.extend(ackIds, deadlineMs);
    this.#dispatcher.watch(consumer);
  }

  /** Allows a consumer with manual credit more events. */
  addCredit(consumer: Consumer, events: number): void {
    consumer.addCredit(events);
    this.#dispatch();
  }

  /** Goes to another position. What is in flight or was to be tried again is forgotten; parked events stay parked. */
  async seek(position: number): Promise<void> {
    this.throwIfFailed();
    const wasReading = this.#stopReading();
    for (const consumer of this.#dispatcher.consumers) consumer.takeAll();
    this.#ledger.seek(position);
    if (wasReading) this.#read();
    await this.#durably();
  }

  /** Puts at most `limit` parked events back in the queue, in the order in which they were parked. Returns how many. */
  async replayParked(limit: number): Promise<number> {
    this.throwIfFailed();
    const count = this.#ledger.askBack(limit);
    if (count > 0) await this.#durably();
    return count;
  }

  async stats(): Promise<SubscriptionStats> {
    const beyond = await estimateBacklog(this.#deps.feed, this.#selection, this.#ledger.scannedTo);
    const consumers = [...this.#dispatcher.consumers];
    return {
      acknowledgedSequence: this.#ledger.acknowledged,
      backlog: this.#queue.size + beyond,
      inFlight: consumers.reduce((sum, { inFlight }) => sum + inFlight, 0),
      parked: this.#ledger.parked,
      consumers: consumers.length,
    };
  }

  /** Ends the streams of all consumers, and everything that is asked from now on, with `error`. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#outcomes.stop();
    this.#stopReading();
    this.#dispatcher.close();
    for (const { outbox } of this.#dispatcher.consumers) outbox.fail(error);
  }

  /** Waits until everything that was said is durable. Nobody may use it any more. */
  async close(): Promise<void> {
    this.#stopReading();
    await this.#outcomes.write();
    this.#dispatcher.close();
  }

  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** The log or the record store does not work. */
  #breakDown(error: unknown): void {
    if (!this.hasFailed) this.#deps.logger.warn({ err: error, subscription: this.config.name }, "a subscription stops");
    this.fail(error);
  }

  #giveUp(consumer: Consumer, reason: string): void {
    for (const { work } of consumer.takeAll()) this.#outcomes.tryAgain(work, 0, reason);
    this.#dispatch();
  }

  #handOver(before: Consumer, after: Consumer): void {
    this.#dispatcher.remove(before);
    for (const { work } of before.takeAll()) {
      if (!this.#outcomes.countAttempt(work, "the consumer was lost")) continue;
      if (after.hasRoom(work.event)) this.#dispatcher.give(after, work);
      else this.#queue.putBack(work, this.#deps.clock.monotonicMs());
    }
    before.outbox.fail(new ServiceError("CONSUMER_REPLACED", "another stream took over this consumer"));
  }

  #dispatch(): void {
    this.#dispatcher.run();
    this.#reader?.roomMade();
  }

  async #durably(): Promise<void> {
    await this.#outcomes.write();
    this.throwIfFailed();
  }

  #onWritten(): void {
    this.#dispatch();
    if (this.#ledger.owesReplays) this.#reader?.nudge();
  }

  #read(): void {
    this.#reader = new LogReader({
      ...this.#deps,
      selection: this.#selection,
      queue: this.#queue,
      ledger: this.#ledger,
      onWork: () => this.#dispatch(),
      onGap: (skipped) => this.#tellGap(skipped),
      onFailure: (error) => this.#breakDown(error),
    });
    this.#reader.start();
  }

  /** Returns whether it was reading. */
  #stopReading(): boolean {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.stop();
    return reader !== undefined;
  }

  #tellGap(skipped: SkippedPart): void {
    const fields = { subscription: this.config.name, ...skipped };
    this.#deps.logger.warn(fields, "events were removed from the log before they were delivered");
    for (const { outbox } of this.#dispatcher.consumers) outbox.putGap(skipped);
    void this.#outcomes.write();
  }
}
