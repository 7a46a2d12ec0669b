import {
  type ConsumeRequest,
  type ConsumeResponse,
  durationOfMs,
  type EventServiceDefinition,
  resourceNotFound,
  type SeekSubscriptionRequest,
  ServiceError,
  type ServiceHandlers,
  Subscription,
  SubscriptionStats,
  toTimestamp,
  Event,
} from "@millrace/shared-types";

import type { InMemoryCallContext } from "../testing/in-memory-context.js";
import { latch, type Latch } from "../testing/latch.js";

type Kind = NonNullable<ConsumeResponse["kind"]>;
type RequestKind = NonNullable<ConsumeRequest["kind"]>;
type Handlers = ServiceHandlers<typeof EventServiceDefinition, InMemoryCallContext>;

/** The stream of one consumer, played by a test. */
export class FakeConsumer {
  readonly received: RequestKind[] = [];
  /** The consumer has said all. */
  readonly halfClosed: Latch = latch();
  readonly #toSend: Kind[] = [];
  #end: { readonly error: Error | undefined } | undefined;
  #changed: Latch = latch();

  send(...kinds: readonly Kind[]): void {
    this.#toSend.push(...kinds);
    this.#change();
  }

  /** Delivers events whose sequences are given; the ack id is `prefix` and the sequence. */
  deliver(prefix: string, sequences: readonly number[], event: Partial<Event> = {}): void {
    const deliveries = sequences.map((sequence) => ({
      ackId: `${prefix}${String(sequence)}`,
      event: Event.fromPartial({
        id: `id-${String(sequence)}`,
        publishTime: toTimestamp(new Date()),
        ...event,
        sequence,
      }),
      deliveryAttempt: 1,
      ackDeadline: undefined,
    }));
    this.send({ $case: "deliveries", value: { deliveries } });
  }

  result(acked: readonly string[], expired: readonly string[] = []): void {
    this.send({ $case: "ackResult", value: { acked: [...acked], expired: [...expired] } });
  }

  end(error?: Error): void {
    this.#end = { error };
    this.#change();
  }

  /** All ids that were acknowledged. */
  get acked(): readonly string[] {
    return this.received.flatMap((kind) => (kind.$case === "ack" ? kind.value.ackIds : []));
  }

  async *responses(requests: AsyncIterable<ConsumeRequest>, signal: AbortSignal): AsyncGenerator<ConsumeResponse> {
    void this.#listen(requests);
    signal.addEventListener("abort", () => this.#change(), { once: true });
    for (;;) {
      const changed = this.#changed.promise;
      for (let kind = this.#toSend.shift(); kind !== undefined; kind = this.#toSend.shift()) yield { kind };
      if (this.#end?.error !== undefined) throw this.#end.error;
      if (this.#end !== undefined || signal.aborted) return;
      await changed;
    }
  }

  async #listen(requests: AsyncIterable<ConsumeRequest>): Promise<void> {
    try {
      for await (const { kind } of requests) if (kind !== undefined) this.received.push(kind);
      this.halfClosed.open();
    } catch {
      // The stream was cut.
    }
  }

  #change(): void {
    const changed = this.#changed;
    this.#changed = latch();
    changed.open();
  }
}

/** Subscriptions that are kept, and consumers that tests play. */
export class FakeSubscriptions {
  readonly all: Map<string, Subscription> = new Map();
  readonly consumers: FakeConsumer[] = [];
  readonly seeks: SeekSubscriptionRequest[] = [];
  createCalls = 0;
  ackDeadlineMs = 30_000;
  orderedByKey = false;
  /** Whether a stream is attached by itself. */
  opensAlone = true;

  readonly handlers: Pick<
    Handlers,
    | "createSubscription"
    | "getSubscription"
    | "listSubscriptions"
    | "deleteSubscription"
    | "seekSubscription"
    | "replayParked"
    | "consume"
  > = {
    createSubscription: async ({ subscription }) => {
      this.createCalls++;
      const asked = Subscription.fromPartial(subscription ?? {});
      const { ackDeadline = durationOfMs(30_000), minRetryDelay = durationOfMs(1000) } = asked;
      const made = { ...asked, ackDeadline, minRetryDelay, maxRetryDelay: asked.maxRetryDelay ?? durationOfMs(60_000) };
      if (this.all.has(made.name)) throw new ServiceError("RESOURCE_EXISTS", "there is one");
      this.all.set(made.name, made);
      return { subscription: made };
    },
    getSubscription: async ({ name }) => {
      const subscription = this.all.get(name);
      if (subscription === undefined) throw resourceNotFound("subscription", name);
      return { subscription, stats: SubscriptionStats.fromPartial({ backlog: 7 }) };
    },
    listSubscriptions: async ({ pageSize, pageToken }) => {
      const start = Number(pageToken);
      const subscriptions = [...this.all.values()].slice(start, start + pageSize);
      return { subscriptions, nextPageToken: start + pageSize < this.all.size ? String(start + pageSize) : "" };
    },
    deleteSubscription: async ({ name, allowMissing }) => {
      if (!this.all.delete(name) && !allowMissing) throw resourceNotFound("subscription", name);
      return {};
    },
    seekSubscription: async (request) => {
      this.seeks.push(request);
      return {};
    },
    replayParked: async ({ limit }) => ({ replayed: limit }),
    consume: (requests, { signal }) => {
      const consumer = new FakeConsumer();
      this.consumers.push(consumer);
      if (this.opensAlone) this.open(consumer);
      return consumer.responses(requests, signal);
    },
  };

  /** Attaches a consumer. */
  open(consumer: FakeConsumer): void {
    const ackDeadline = durationOfMs(this.ackDeadlineMs);
    const subscription = Subscription.fromPartial({ name: "s", ackDeadline, orderedByKey: this.orderedByKey });
    consumer.send({ $case: "opened", value: { subscription } });
  }
}
