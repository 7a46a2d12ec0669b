import type { Clock } from "../../ports/clock.js";

import type { Consumer } from "./consumer.js";
import type { Delivery } from "./delivery.js";
import type { LoadedWork, WorkQueue } from "./work-queue.js";

export interface DispatcherOptions {
  readonly clock: Clock;
  readonly ackDeadlineMs: number;
  /** Called when the time of an attempt is over. */
  readonly onExpired: (delivery: Delivery) => void;
}

/**
 * Spreads the work of a queue over the consumers that are connected: each event goes to the one that has the
 * smallest part of what it can have in flight. One timer serves all deadlines and delays.
 */
export class Dispatcher {
  readonly #queue: WorkQueue;
  readonly #options: DispatcherOptions;
  /** In the order in which they were last given something. */
  readonly #consumers = new Set<Consumer>();
  #alarmMs = Infinity;
  #cancelAlarm: () => void = () => {};

  constructor(queue: WorkQueue, options: DispatcherOptions) {
    this.#queue = queue;
    this.#options = options;
  }

  get consumers(): ReadonlySet<Consumer> {
    return this.#consumers;
  }

  add(consumer: Consumer): void {
    this.#consumers.add(consumer);
  }

  /** Returns whether it was there. */
  remove(consumer: Consumer): boolean {
    return this.#consumers.delete(consumer);
  }

  /** Gives out what is ready to those who want it. An event that fits nobody waits, and so do those behind it. */
  run(): void {
    const given = new Set<Consumer>();
    for (let work = this.#queue.peek(); work !== undefined; work = this.#queue.peek()) {
      const consumer = this.#pick(work);
      if (consumer === undefined) break;
      this.#queue.take();
      this.give(consumer, work);
      given.add(consumer);
    }
    for (const { outbox } of given) outbox.flush();
    this.#setAlarm(this.#queue.nextDelayedMs);
  }

  /** Gives one event to a consumer. */
  give(consumer: Consumer, work: LoadedWork): void {
    const { clock, ackDeadlineMs } = this.#options;
    consumer.give(work, ackDeadlineMs);
    this.#consumers.delete(consumer);
    this.#consumers.add(consumer);
    this.#setAlarm(clock.monotonicMs() + ackDeadlineMs);
  }

  /** Ends the attempts whose time is over, even if the timer is late. */
  expire(): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs >= this.#alarmMs) this.#expireAt(nowMs);
  }

  /** Call it when deadlines of the consumer have changed. */
  watch(consumer: Consumer): void {
    this.#setAlarm(consumer.nextDeadlineMs());
  }

  /** Stops the timer. */
  close(): void {
    this.#cancelAlarm();
    this.#alarmMs = Infinity;
  }

  #pick(work: LoadedWork): Consumer | undefined {
    let best: Consumer | undefined;
    for (const consumer of this.#consumers) {
      if (consumer.wants(work) && (best === undefined || consumer.load < best.load)) best = consumer;
    }
    return best;
  }

  #expireAt(nowMs: number): void {
    this.close();
    for (const consumer of this.#consumers) consumer.takeExpired(nowMs).forEach(this.#options.onExpired);
    this.#queue.wakeDelayed(nowMs);
    for (const consumer of this.#consumers) this.watch(consumer);
    this.run();
  }

  /** The alarm is never too late, but often there is nothing left to do: most attempts are answered in time. */
  #setAlarm(atMs: number): void {
    if (atMs >= this.#alarmMs) return;
    const { clock } = this.#options;
    this.#cancelAlarm();
    this.#alarmMs = atMs;
    // A timer may go off a little early: it means its moment all the same.
    const onTime = (): void => this.#expireAt(Math.max(atMs, clock.monotonicMs()));
    this.#cancelAlarm = clock.after(Math.max(0, atMs - clock.monotonicMs()), onTime);
  }
}
