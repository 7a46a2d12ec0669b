import { describe, expect, it } from "@jest/globals";
import { createClient, createTypedClient, type DuplexStream } from "@millrace/client-sdk";
import { within } from "@millrace/client-sdk/testing";
import { createStreamingServer } from "@millrace/server";
import {
  type ConsumeAckResult,
  type ConsumeRequest,
  type ConsumeResponse,
  type Delivery,
  durationOfMs,
  EventServiceDefinition,
  NackAction,
  type PartialMessage,
} from "@millrace/shared-types";

type Kind = NonNullable<ConsumeResponse["kind"]>;

/** A consumer as it is on the wire. */
class WireConsumer {
  readonly #stream: DuplexStream<PartialMessage<ConsumeRequest>, ConsumeResponse>;
  readonly #responses: AsyncIterator<ConsumeResponse, undefined, undefined>;

  constructor(stream: DuplexStream<PartialMessage<ConsumeRequest>, ConsumeResponse>) {
    this.#stream = stream;
    this.#responses = stream[Symbol.asyncIterator]();
  }

  say(kind: NonNullable<PartialMessage<ConsumeRequest>["kind"]>): Promise<void> {
    return this.#stream.send({ kind });
  }

  async delivery(): Promise<Delivery> {
    const kind = await this.#next("deliveries");
    if (kind.$case !== "deliveries") throw new Error("no delivery");
    return kind.value.deliveries[0]!;
  }

  async ack({ ackId }: Delivery): Promise<ConsumeAckResult> {
    await this.say({ $case: "ack", value: { ackIds: [ackId] } });
    return this.ackResult();
  }

  async ackResult(): Promise<ConsumeAckResult> {
    const kind = await this.#next("ackResult");
    if (kind.$case !== "ackResult") throw new Error("no result");
    return kind.value;
  }

  async opened(): Promise<void> {
    await this.#next("opened");
  }

  /** The next message of a kind; others are skipped. */
  async #next(wanted: Kind["$case"]): Promise<Kind> {
    for (;;) {
      const next = await within(this.#responses.next(), `the server says ${wanted}`);
      if (next.done === true) throw new Error(`the stream ended before ${wanted}`);
      if (next.value.kind?.$case === wanted) return next.value.kind;
    }
  }
}

/** A server with one event and a subscription to it. */
async function openStage() {
  const server = await createStreamingServer({ port: 0 });
  const client = createClient({ target: server.address });
  const service = createTypedClient(EventServiceDefinition, client);
  await client.events.subscriptions.create({
    name: "work",
    from: "beginning",
    ackDeadlineMs: 1_000,
    minRetryDelayMs: 1,
  });
  await client.events.publish({ type: "work" });
  return {
    client,
    async attach(consumerId: string) {
      const consumer = new WireConsumer(service.consume());
      await consumer.say({ $case: "open", value: { subscription: "work", consumerId } });
      await consumer.opened();
      return consumer;
    },
    async [Symbol.asyncDispose]() {
      await client.close();
      await server.close();
    },
  };
}

describe("Consume over real sockets", () => {
  it("tells a consumer whose acknowledgement is late, after the event was given out again", async () => {
    await using stage = await openStage();
    const consumer = await stage.attach("a");
    const first = await consumer.delivery();
    const second = await consumer.delivery();
    expect([first.deliveryAttempt, second.deliveryAttempt]).toEqual([1, 2]);
    expect(await consumer.ack(first)).toMatchObject({ acked: [], expired: [first.ackId] });
    expect(await consumer.ack(second)).toMatchObject({ acked: [second.ackId], expired: [] });
  });

  it("passes what a consumer holds to its new stream at once, and takes nothing more from the old one", async () => {
    await using stage = await openStage();
    const before = await stage.attach("a");
    const first = await before.delivery();
    await before.say({ $case: "extend", value: { ackIds: [first.ackId], deadline: durationOfMs(600_000) } });
    const after = await stage.attach("a");
    const second = await after.delivery();
    expect(second).toMatchObject({ deliveryAttempt: 2, event: { id: first.event?.id } });
    expect(await after.ack(first)).toMatchObject({ acked: [], expired: [first.ackId] });
    expect(await after.ack(second)).toMatchObject({ acked: [second.ackId], expired: [] });
    const { stats } = await stage.client.events.subscriptions.get("work");
    expect(stats).toMatchObject({ acknowledgedSequence: 1, backlog: 0, inFlight: 0 });
  });

  it("delivers again what was given back, and parks or skips what is not to come again", async () => {
    await using stage = await openStage();
    const consumer = await stage.attach("a");
    const nack = async (action: NackAction): Promise<void> => {
      const { ackId } = await consumer.delivery();
      await consumer.say({ $case: "nack", value: { ackIds: [ackId], action, reason: "not today" } });
      await consumer.ackResult();
    };
    const { subscriptions } = stage.client.events;
    await nack(NackAction.RETRY);
    await nack(NackAction.PARK);
    expect((await subscriptions.get("work")).stats).toMatchObject({ parked: 1, inFlight: 0 });
    expect(await subscriptions.replayParked("work")).toBe(1);
    await nack(NackAction.SKIP);
    expect((await subscriptions.get("work")).stats).toMatchObject({ parked: 0, inFlight: 0, acknowledgedSequence: 1 });
  });
});
