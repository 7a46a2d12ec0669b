import type { Delivery } from "@millrace/shared-types";
import { NackAction } from "@millrace/shared-types";

import type { Listener, TestConsumer } from "./subscriptions-fixture.test.support.js";

/** What is known of one event. */
interface EventFacts {
  readonly key: string;
  /** The newest delivery that any consumer has seen. */
  newestAckId: string;
  /** A consumer has said that it is done, and may not have heard whether that counts. */
  saidDone: boolean;
  /** Answered acknowledgements. */
  confirmed: number;
  /** It was parked: it may come again out of order, when parked events are put back. */
  wasParked: boolean;
}

/** What a consumer has said about a delivery. */
interface Said {
  readonly sequence: number;
  readonly isDone: boolean;
  /** A newer attempt had been seen by then, so that it must not count. */
  readonly isStale: boolean;
}

/** Watches all consumers of a subscription, and notes when one sees what the rules forbid. */
export class SubscriptionModel implements Listener {
  readonly #events = new Map<number, EventFacts>();
  /** By key: the newest event that was delivered. */
  readonly #newestOfKey = new Map<string, number>();
  readonly #said = new Map<string, Said>();
  readonly #violations: string[] = [];

  get published(): number {
    return this.#events.size;
  }

  onPublished(sequence: number, key: string): void {
    this.#events.set(sequence, { key, newestAckId: "", saidDone: false, confirmed: 0, wasParked: false });
  }

  onDelivery({ ackId, event }: Delivery): void {
    const { sequence = 0 } = event ?? {};
    const facts = this.#factsOf(sequence);
    if (facts.confirmed > 0) this.#violated(`event ${String(sequence)} came after its acknowledgement was confirmed`);
    facts.newestAckId = ackId;
    this.#checkOrder(sequence, facts);
  }

  onParked(sequence: number): void {
    this.#factsOf(sequence).wasParked = true;
  }

  /** A consumer says something about a delivery. */
  onSaid({ ackId, event }: Delivery, verdict: "done" | "other"): void {
    const { sequence = 0 } = event ?? {};
    const facts = this.#factsOf(sequence);
    if (verdict === "done") facts.saidDone = true;
    const isStale = facts.newestAckId !== ackId;
    if (!this.#said.has(ackId)) this.#said.set(ackId, { sequence, isDone: verdict === "done", isStale });
  }

  onAcked(ackId: string): void {
    const said = this.#said.get(ackId);
    if (said === undefined) return this.#violated(`an answer to what nobody said: ${ackId}`);
    if (said.isStale) this.#violated(`the acknowledgement of an old attempt of ${String(said.sequence)} counted`);
    if (said.isDone) this.#factsOf(said.sequence).confirmed += 1;
  }

  /** At the end: every event is done or parked, and nothing was ever wrong. */
  check(parked: ReadonlySet<number>): void {
    for (const [sequence, { saidDone, confirmed }] of this.#events) {
      if (!saidDone && !parked.has(sequence)) this.#violated(`event ${String(sequence)} is lost`);
      if (confirmed > 1) this.#violated(`the acknowledgement of ${String(sequence)} counted twice`);
    }
    if (this.#violations.length > 0) throw new Error(this.#violations.join("; "));
  }

  #violated(what: string): void {
    this.#violations.push(what);
  }

  /** Once an event of a key has been delivered, no earlier one comes again. */
  #checkOrder(sequence: number, { key, wasParked }: EventFacts): void {
    if (key === "" || wasParked) return;
    const newest = this.#newestOfKey.get(key) ?? 0;
    if (sequence < newest) this.#violated(`event ${String(sequence)} came after ${String(newest)} of its key`);
    this.#newestOfKey.set(key, Math.max(newest, sequence));
  }

  #factsOf(sequence: number): EventFacts {
    const facts = this.#events.get(sequence);
    if (facts === undefined) throw new Error(`event ${String(sequence)} was never published`);
    return facts;
  }
}

/** A consumer whose every word and answer the model hears. */
export class ModelledConsumer {
  readonly stream: TestConsumer;
  readonly #model: SubscriptionModel;
  /** Deliveries that it has said nothing about, or something that was too late. */
  readonly #held: Delivery[] = [];

  constructor(stream: TestConsumer, model: SubscriptionModel) {
    this.stream = stream;
    this.#model = model;
  }

  /** Takes what has come. */
  hear(): void {
    this.#held.push(...this.stream.takeAll());
  }

  /** Acknowledges one of its deliveries, which may be over by now. */
  ack(index: number): void {
    const delivery = this.#pick(index);
    if (delivery === undefined) return;
    this.#model.onSaid(delivery, "done");
    this.stream.ack(delivery);
  }

  /** Acknowledges all deliveries up to one of them. */
  ackUpTo(index: number): void {
    const last = this.#held[index % Math.max(1, this.#held.length)];
    if (last === undefined) return;
    const upTo = this.#held.splice(0, this.#held.indexOf(last) + 1);
    for (const delivery of upTo) this.#model.onSaid(delivery, "done");
    this.stream.send({ $case: "ack", value: { ackIds: [last.ackId], cumulative: true } });
  }

  nack(index: number, action: NackAction, delaySeconds: number): void {
    const delivery = this.#pick(index);
    if (delivery === undefined) return;
    this.#model.onSaid(delivery, action === NackAction.SKIP ? "done" : "other");
    this.stream.nack(delivery, { action, delay: { seconds: delaySeconds, nanos: 0 } });
  }

  extend(index: number, seconds: number): void {
    const delivery = this.#held[index % Math.max(1, this.#held.length)];
    if (delivery !== undefined) this.stream.extend(delivery, seconds);
  }

  #pick(index: number): Delivery | undefined {
    return this.#held.splice(index % Math.max(1, this.#held.length), 1)[0];
  }
}
