import type { StreamControl } from "@millrace/shared-types";

import type { Clock } from "../../ports/clock.js";
import { newId } from "../../records/new-id.js";
import type { FeedEvent } from "../feed.js";

import type { ConsumerOptions } from "./consumer-options.js";
import type { Delivery } from "./delivery.js";
import { Outbox } from "./outbox.js";
import type { LoadedWork } from "./work-queue.js";

/** Acknowledgements of one consumer that are not answered yet: with more, its next message is not read. */
const MAX_UNANSWERED = 20_000;

/** One consumer's stream: what it was given and has not answered, and what it may still be given. */
export class Consumer {
  readonly options: ConsumerOptions;
  readonly outbox: Outbox;
  readonly #clock: Clock;
  /** Of this stream: an id of another one is never one of this. */
  readonly #prefix = `${newId().slice(0, 16)}.`;
  /** In the order in which they were given. */
  readonly #inFlight = new Map<string, Delivery>();
  #inFlightBytes = 0;
  #given = 0;
  #credit = 0;
  /** Answered by the consumer, and not yet by us. */
  readonly #settling = new Set<string>();
  #wantsMore = true;
  #saysMore = true;

  constructor(
    options: ConsumerOptions,
    { clock, ...rest }: { readonly clock: Clock; readonly heartbeat: () => StreamControl; readonly onIdle: () => void },
  ) {
    this.options = options;
    this.#clock = clock;
    this.outbox = new Outbox({ clock, heartbeatMs: options.heartbeatMs, ...rest });
  }

  /** Events that were given and are neither answered nor given up. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** The part of what it can have in flight that it has. */
  get load(): number {
    return this.#inFlight.size / this.options.maxInFlight;
  }

  /** Whether an event can be given now. */
  wants({ event }: LoadedWork): boolean {
    if (!this.#wantsMore || (this.options.manualCredit && this.#credit === 0)) return false;
    return this.outbox.hasRoom(event.size) && this.hasRoom(event);
  }

  /** Whether an event fits into what the consumer can have in flight. */
  hasRoom({ log }: FeedEvent): boolean {
    const { maxInFlight, maxInFlightBytes } = this.options;
    if (this.#inFlight.size >= maxInFlight) return false;
    return this.#inFlight.size === 0 || this.#inFlightBytes + log.payload.length <= maxInFlightBytes;
  }

  /** Starts an attempt, until `ackDeadlineMs` from now. */
  give(work: LoadedWork, ackDeadlineMs: number): void {
    this.#given += 1;
    const delivery: Delivery = {
      ackId: `${this.#prefix}${this.#given.toString(36)}`,
      work,
      deadlineMs: this.#clock.monotonicMs() + ackDeadlineMs,
      toldDeadlineMs: this.#clock.now() + ackDeadlineMs,
      isOver: false,
    };
    this.#inFlight.set(delivery.ackId, delivery);
    this.#inFlightBytes += work.event.log.payload.length;
    this.#credit = Math.max(0, this.#credit - 1);
    this.outbox.putDelivery(delivery);
  }

  /** Allows more events, with manual credit. */
  addCredit(events: number): void {
    this.#credit = Math.min(this.#credit + events, Number.MAX_SAFE_INTEGER);
  }

  /**
   * Ends the attempts with these ids, and with `cumulative` those that were given before the last of them.
   * `settled` is to be called for each. Ids that are not in flight are answered as expired, unless they
   * are being settled already.
   */
  settle(ackIds: readonly string[], cumulative: boolean): readonly Delivery[] {
    const ended: Delivery[] = [];
    for (const ackId of cumulative ? this.#withEarlier(ackIds) : ackIds) {
      const delivery = this.#inFlight.get(ackId);
      if (delivery !== undefined) {
        this.#end(delivery);
        this.#settling.add(ackId);
        ended.push(delivery);
      } else if (!this.#settling.has(ackId)) this.outbox.putExpired(ackId);
    }
    return ended;
  }

  /** What was said about an attempt is durable. */
  settled(ackId: string): void {
    if (!this.#settling.delete(ackId)) return;
    this.outbox.putAcked(ackId);
    this.#closeIfDone();
  }

  /** Gives attempts until `deadlineMs` from now. Ids that are not in flight are answered as expired. */
  extend(ackIds: readonly string[], deadlineMs: number): void {
    for (const ackId of ackIds) {
      const delivery = this.#inFlight.get(ackId);
      if (delivery !== undefined) delivery.deadlineMs = this.#clock.monotonicMs() + deadlineMs;
      else if (!this.#settling.has(ackId)) this.outbox.putExpired(ackId);
    }
  }

  /** Ends the attempts whose time is over. */
  takeExpired(nowMs: number): readonly Delivery[] {
    return this.#endAll((delivery) => delivery.deadlineMs <= nowMs);
  }

  /** Ends all attempts. */
  takeAll(): readonly Delivery[] {
    return this.#endAll(() => true);
  }

  /** When `takeExpired` finds something; Infinity if nothing is in flight. */
  nextDeadlineMs(): number {
    let next = Infinity;
    for (const { deadlineMs } of this.#inFlight.values()) next = Math.min(next, deadlineMs);
    return next;
  }

  /** It is given no more. */
  wantNoMore(): void {
    this.#wantsMore = false;
  }

  /** The consumer says no more: it is given no more, and its stream ends when all it said is answered. */
  halfClose(): void {
    this.#wantsMore = false;
    this.#saysMore = false;
    this.#closeIfDone();
  }

  /** Resolves when the consumer's next message may be read: too much of what it said may be unanswered. */
  async untilAnswered(): Promise<void> {
    while (this.#settling.size + this.outbox.answers > MAX_UNANSWERED && !this.outbox.isOver) {
      await this.outbox.untilTaken();
    }
  }

  #closeIfDone(): void {
    if (!this.#saysMore && this.#settling.size === 0) this.outbox.close();
  }

  #end(delivery: Delivery): void {
    delivery.isOver = true;
    this.#inFlight.delete(delivery.ackId);
    this.#inFlightBytes -= delivery.work.event.log.payload.length;
  }

  #endAll(isMeant: (delivery: Delivery) => boolean): readonly Delivery[] {
    const ended = [...this.#inFlight.values()].filter(isMeant);
    for (const delivery of ended) this.#end(delivery);
    return ended;
  }

  /** `ackIds`, and those in flight that were given before the last given of them. */
  #withEarlier(ackIds: readonly string[]): ReadonlySet<string> {
    const last = Math.max(...ackIds.map((ackId) => this.#numberOf(ackId)));
    const earlier = [...this.#inFlight.keys()].filter((ackId) => this.#numberOf(ackId) <= last);
    return new Set([...earlier, ...ackIds]);
  }

  /** Which delivery of this stream an id stands for; 0 if it is none of them. */
  #numberOf(ackId: string): number {
    if (!ackId.startsWith(this.#prefix)) return 0;
    const number = Number.parseInt(ackId.slice(this.#prefix.length), 36);
    return number <= this.#given ? number : 0;
  }
}
