import { setImmediate as turn } from "node:timers/promises";

import type {
  ConsumeRequest,
  ConsumeResponse,
  Delivery,
  Event,
  PartialMessage,
  StreamControl,
  SubscriptionStats,
} from "@millrace/shared-types";
import { ConsumeNack, ConsumeOpen, createTokenSigner, StartPosition, Subscription } from "@millrace/shared-types";

import { MemoryEventLog } from "../../adapters/memory/memory-event-log.js";
import { MemoryRecordStore } from "../../adapters/memory/memory-record-store.js";
import type { RecordStore } from "../../ports/record-store.js";
import { contextOf } from "../../files/files-fixture.test.support.js";
import { ManualClock } from "../../testing/manual-clock.js";
import type { StreamCall } from "../events-fixture.test.support.js";
import { streamCall } from "../events-fixture.test.support.js";
import { append } from "../feed-fixture.test.support.js";
import { openEvents } from "../open-events.js";

import { consume } from "./consume.js";
import { createSubscription } from "./create-subscription.js";
import { getSubscription } from "./get-subscription.js";
import type { SubscriptionsDeps } from "./open-subscriptions.js";

/** Name of the subscription of most tests. */
export const NAME = "s";

/** What outlives a server. */
export interface Stores {
  readonly log: MemoryEventLog;
  readonly records: RecordStore;
  readonly clock: ManualClock;
}

/** A server's subscriptions for a test, in memory, with a clock that the test moves. */
export interface SubscriptionsFixture extends Stores, AsyncDisposable {
  readonly deps: SubscriptionsDeps;
}

/** Stores without anything in them. */
export function newStores(stores: Partial<Stores> = {}): Stores {
  const clock = new ManualClock(Date.UTC(2026, 0, 1));
  return { clock, log: new MemoryEventLog({ clock }), records: new MemoryRecordStore(), ...stores };
}

/** Opens a {@link SubscriptionsFixture}. Disposing of it leaves the stores as they are. */
export async function openFixture(stores: Stores = newStores()): Promise<SubscriptionsFixture> {
  const { log, records, clock } = stores;
  const tokenSigner = createTokenSigner(Buffer.alloc(32, 1));
  const limits = { maxLingerMs: 0 };
  const events = await openEvents({ eventLog: log, records, clock, tokenSigner, clusterId: "c1", limits });
  return { ...stores, deps: events, [Symbol.asyncDispose]: () => events[Symbol.asyncDispose]() };
}

/** A fixture with the subscription {@link NAME}, which begins at the beginning. */
export async function openWithSubscription(
  fields: PartialMessage<Subscription> = {},
  stores?: Stores,
): Promise<SubscriptionsFixture> {
  const fixture = await openFixture(stores);
  await create(fixture, fields);
  return fixture;
}

/** A subscription that begins at the beginning, with defaults for what is left out. */
export function subscriptionOf(fields: PartialMessage<Subscription> = {}): Subscription {
  return Subscription.fromPartial({
    name: NAME,
    watch: { start: { $case: "startPosition", value: StartPosition.BEGINNING } },
    maxDeliveryAttempts: 10,
    ...fields,
  });
}

/** Makes a subscription. */
export async function create(
  { deps }: SubscriptionsFixture,
  fields: PartialMessage<Subscription> = {},
): Promise<Subscription> {
  const { subscription } = await createSubscription({ subscription: subscriptionOf(fields) }, contextOf(), deps);
  if (subscription === undefined) throw new Error("no subscription in the answer");
  return subscription;
}

/** What GetSubscription says of the subscription {@link NAME}. */
export async function statsOf({ deps }: SubscriptionsFixture): Promise<SubscriptionStats> {
  const { stats } = await getSubscription({ name: NAME }, contextOf(), deps);
  if (stats === undefined) throw new Error("no stats in the answer");
  return stats;
}

/** Appends events with these ids to the stream "default", one by one. */
export async function publish({ log }: Stores, ...ids: readonly string[]): Promise<void> {
  for (const id of ids) await append(log, "default", { id });
}

/** Appends events to the stream "default", all at once. */
export async function publishTogether({ log }: Stores, ...events: readonly PartialMessage<Event>[]): Promise<void> {
  await append(log, "default", ...events);
}

/** Lets everything happen that waits for nothing but its turn. For what must not happen. */
export async function settled(): Promise<void> {
  for (let turns = 0; turns < 10; turns += 1) await turn();
}

/** What a consumer was answered. */
export interface Answers {
  readonly acked: readonly string[];
  readonly expired: readonly string[];
}

/** Hears of what a consumer is sent at the moment when it is. */
export interface Listener {
  onDelivery(delivery: Delivery): void;
  onAcked(ackId: string): void;
}

/** A consumer that takes whatever it is sent, until it pauses. */
export class TestConsumer implements AsyncDisposable {
  readonly #call: StreamCall = streamCall();
  readonly #requests: IteratorResult<ConsumeRequest>[] = [];
  #asked: ((request: IteratorResult<ConsumeRequest>) => void) | undefined;
  #changed: (() => void) | undefined;
  readonly #deliveries: Delivery[] = [];
  readonly #controls: StreamControl[] = [];
  readonly #acked: string[] = [];
  readonly #expired: string[] = [];
  /** The subscription as the server has it, from the first answer. */
  opened: Subscription | undefined;
  /** Every event that was delivered, by its id, and the attempt. */
  readonly seen: string[] = [];
  /** Deliveries of each message. */
  readonly messages: number[] = [];
  /** How the stream ended. */
  readonly ended: Promise<{ readonly error: unknown } | "ok">;
  #isOver = false;
  #paused: Promise<void> | undefined;
  readonly #listener: Listener | undefined;
  #resume: () => void = () => {};

  constructor({ deps }: SubscriptionsFixture, open?: PartialMessage<ConsumeOpen>, listener?: Listener) {
    this.#listener = listener;
    if (open !== undefined) {
      this.send({ $case: "open", value: ConsumeOpen.fromPartial({ subscription: NAME, ...open }) });
    }
    const requests = { [Symbol.asyncIterator]: () => ({ next: () => this.#nextRequest() }) };
    this.ended = this.#receive(consume(requests, this.#call.context, deps));
  }

  /** What `ended` fails with. */
  get failure(): Promise<unknown> {
    return this.ended.then((end) => (end === "ok" ? undefined : end.error));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Controls that nobody has asked for yet. */
  get controls(): number {
    return this.#controls.length;
  }

  /** Messages that the server has not read yet. */
  get unread(): number {
    return this.#requests.length;
  }

  /** Takes nothing off the stream until `resume`, but for one message. */
  pause(): void {
    this.#paused = new Promise((resolve) => (this.#resume = resolve));
  }

  resume(): void {
    this.#resume();
  }

  /** Deliveries that nobody has asked for yet. */
  get waiting(): number {
    return this.#deliveries.length;
  }

  send(kind: ConsumeRequest["kind"]): void {
    this.#push({ done: false, value: { kind } });
  }

  ack(...deliveries: readonly Delivery[]): void {
    this.send({ $case: "ack", value: { ackIds: deliveries.map(({ ackId }) => ackId), cumulative: false } });
  }

  nack(delivery: Delivery, fields: PartialMessage<ConsumeNack> = {}): void {
    this.send({ $case: "nack", value: ConsumeNack.fromPartial({ ...fields, ackIds: [delivery.ackId] }) });
  }

  extend(delivery: Delivery, seconds: number): void {
    this.send({ $case: "extend", value: { ackIds: [delivery.ackId], deadline: { seconds, nanos: 0 } } });
  }

  credit(events: number): void {
    this.send({ $case: "credit", value: { events } });
  }

  halfClose(): void {
    this.#push({ done: true, value: undefined });
  }

  /** Ends the call as the runtime does. */
  abort(reason: Error = new Error("the consumer is gone")): void {
    this.#call.abort(reason);
  }

  /** Tells the call of a drain, as the runtime does. */
  drain(): void {
    this.#call.drain();
  }

  /** The next `count` deliveries. */
  async take(count: number): Promise<Delivery[]> {
    await this.#until(() => this.#deliveries.length >= count);
    return this.#deliveries.splice(0, count);
  }

  /** The next delivery. */
  async takeOne(): Promise<Delivery> {
    const [delivery] = await this.take(1);
    if (delivery === undefined) throw new Error("no delivery");
    return delivery;
  }

  /** All deliveries that have come. */
  takeAll(): Delivery[] {
    return this.#deliveries.splice(0);
  }

  /** The next `count` answers. */
  async answers(count: number): Promise<Answers> {
    await this.#until(() => this.#acked.length + this.#expired.length >= count);
    return this.takeAnswers();
  }

  /** All answers that have come. */
  takeAnswers(): Answers {
    return { acked: this.#acked.splice(0), expired: this.#expired.splice(0) };
  }

  async control(): Promise<StreamControl["kind"]> {
    await this.#until(() => this.#controls.length > 0);
    return this.#controls.shift()?.kind;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.resume();
    this.abort();
    await this.ended;
  }

  #push(request: IteratorResult<ConsumeRequest>): void {
    if (this.#asked === undefined) return void this.#requests.push(request);
    this.#asked(request);
    this.#asked = undefined;
  }

  #nextRequest(): Promise<IteratorResult<ConsumeRequest>> {
    const request = this.#requests.shift();
    if (request !== undefined) return Promise.resolve(request);
    return new Promise((resolve) => (this.#asked = resolve));
  }

  async #receive(responses: AsyncIterable<ConsumeResponse>): Promise<{ readonly error: unknown } | "ok"> {
    try {
      for await (const response of responses) {
        this.#onResponse(response);
        await this.#paused;
      }
      return "ok";
    } catch (error) {
      return { error };
    } finally {
      this.#isOver = true;
      this.#changed?.();
    }
  }

  #onResponse({ kind }: ConsumeResponse): void {
    if (kind?.$case === "opened") this.opened = kind.value.subscription;
    if (kind?.$case === "control") this.#controls.push(kind.value);
    if (kind?.$case === "ackResult") {
      for (const ackId of kind.value.acked) this.#listener?.onAcked(ackId);
      this.#acked.push(...kind.value.acked);
      this.#expired.push(...kind.value.expired);
    }
    if (kind?.$case === "deliveries") {
      for (const delivery of kind.value.deliveries) this.#listener?.onDelivery(delivery);
      this.messages.push(kind.value.deliveries.length);
      this.#deliveries.push(...kind.value.deliveries);
      this.seen.push(...kind.value.deliveries.map((delivery) => described(delivery)));
    }
    this.#changed?.();
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#isOver) throw new Error("the stream is over", { cause: await this.failure });
      await new Promise<void>((resolve) => (this.#changed = resolve));
    }
  }
}

/** A consumer that has attached. */
export async function attach(
  fixture: SubscriptionsFixture,
  open: PartialMessage<ConsumeOpen> = {},
): Promise<TestConsumer> {
  const consumer = new TestConsumer(fixture, open);
  while (consumer.opened === undefined && !consumer.isOver) await turn();
  return consumer;
}

/** `e1#2` for the second attempt of the event with the id `e1`. */
export function described({ event, deliveryAttempt }: Delivery): string {
  return `${event?.id ?? ""}#${String(deliveryAttempt)}`;
}
