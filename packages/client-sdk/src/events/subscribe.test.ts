import { describe, expect, it } from "@jest/globals";
import { GapReason, resourceNotFound, ServiceError } from "@millrace/shared-types";

import { eventually } from "../testing/eventually.js";
import { latch } from "../testing/latch.js";
import { VirtualClock } from "../testing/virtual-clock.js";
import { Park, RetryLater } from "./handler-outcome.js";
import { openEvents } from "./open-events.test.support.js";
import { consumerOf, Gates, turns } from "./play-consumer.test.support.js";

function fail(failures: readonly Error[], sequence: number): never {
  throw failures[sequence - 1] ?? new Error("unexpected");
}

describe("subscribe", () => {
  it("acknowledges what was handled, not before, and counts what is durable", async () => {
    await using opened = openEvents();
    const gates = new Gates();
    await using subscription = opened.events.subscribe("s", gates.handler, { concurrency: 2, consumerId: "me" });
    await subscription.ready;
    const consumer = await consumerOf(opened);
    expect(consumer.received[0]).toMatchObject({ value: { subscription: "s", consumerId: "me", maxInFlight: 4 } });
    consumer.deliver("a", [1, 2, 3]);
    await eventually(() => expect(gates.begun).toEqual([1, 2]));
    await turns();
    expect(consumer.acked).toEqual([]);
    gates.open(2);
    await eventually(() => expect(consumer.acked).toEqual(["a2"]));
    await eventually(() => expect(gates.begun).toEqual([1, 2, 3]));
    expect(subscription.stats).toEqual({ handled: 3, acknowledged: 0, failed: 0, expired: 0, running: 2 });
    consumer.result(["a2"]);
    await eventually(() => expect(subscription.stats.acknowledged).toBe(1));
    expect(gates.mostAtOnce).toBe(2);
    gates.open(1);
    gates.open(3);
    void consumer.halfClosed.promise.then(() => consumer.end());
  });

  it("gives back what failed, as the handler chooses", async () => {
    await using opened = openEvents();
    const told: unknown[] = [];
    const failures = [new Error("no"), new RetryLater(7000, "busy"), new Park("broken for good")];
    const subscription = opened.events.subscribe("s", ({ sequence }) => fail(failures, sequence), {
      onHandlerError: (error) => told.push(error),
      concurrency: 1,
    });
    const consumer = await consumerOf(opened);
    consumer.deliver("a", [1, 2, 3]);
    await eventually(() => expect(consumer.received).toHaveLength(4));
    expect(consumer.received.slice(1)).toMatchObject([
      { $case: "nack", value: { ackIds: ["a1"], action: 1, delay: undefined, reason: "no" } },
      { $case: "nack", value: { ackIds: ["a2"], action: 1, delay: { seconds: 7 }, reason: "busy" } },
      { $case: "nack", value: { ackIds: ["a3"], action: 2, reason: "broken for good" } },
    ]);
    expect(told).toEqual([failures[0]]);
    consumer.result(["a1", "a2", "a3"]);
    await turns();
    expect(subscription.stats).toMatchObject({ failed: 3, acknowledged: 0 });
    subscription.cancel();
  });

  it("keeps the order of a key if the subscription does", async () => {
    await using opened = openEvents();
    opened.server.subscriptions.orderedByKey = true;
    const gates = new Gates();
    const subscription = opened.events.subscribe("s", gates.handler);
    const consumer = await consumerOf(opened);
    consumer.deliver("a", [1, 2], { key: "k" });
    consumer.deliver("a", [3], { key: "other" });
    consumer.deliver("a", [4, 5]);
    await eventually(() => expect(gates.begun).toEqual([1, 3, 4, 5]));
    gates.open(1);
    await eventually(() => expect(gates.begun).toEqual([1, 3, 4, 5, 2]));
    subscription.cancel();
  });

  it("goes on with the same consumer id after its stream is lost, and handles nothing twice that it still has", async () => {
    await using opened = openEvents();
    const gates = new Gates();
    const subscription = opened.events.subscribe("s", gates.handler, { concurrency: 2 });
    const first = await consumerOf(opened);
    first.deliver("a", [1, 2, 3, 4]);
    await eventually(() => expect(gates.begun).toEqual([1, 2]));
    gates.open(1);
    await eventually(() => expect(first.acked).toEqual(["a1"]));
    await eventually(() => expect(gates.begun).toEqual([1, 2, 3]));
    opened.faults.cut();
    const second = await consumerOf(opened, 1);
    expect(second.received[0]).toEqual(first.received[0]);
    // 1 was handled and its answer lost; 2 and 3 run; 4 was waiting and went to somebody else.
    second.deliver("b", [1, 2, 3, 5]);
    await eventually(() => expect(second.acked).toEqual(["b1"]));
    gates.open(2);
    await eventually(() => expect(second.acked).toEqual(["b1", "b2"]));
    await eventually(() => expect(gates.begun).toEqual([1, 2, 3, 5]));
    subscription.cancel();
  });

  it("answers for what was handled while there was no stream", async () => {
    await using opened = openEvents();
    const gates = new Gates();
    const subscription = opened.events.subscribe("s", gates.handler);
    const first = await consumerOf(opened);
    first.deliver("a", [1, 2, 3]);
    await eventually(() => expect(gates.begun).toEqual([1, 2, 3]));
    opened.server.subscriptions.opensAlone = false;
    opened.faults.cut();
    const second = await consumerOf(opened, 1);
    gates.open(1);
    gates.open(2, new Error("failed"));
    gates.open(3, new Park("broken"));
    await eventually(() => expect(subscription.stats.running).toBe(0));
    opened.server.subscriptions.open(second);
    second.deliver("b", [1, 2, 3]);
    await eventually(() => expect(second.acked).toEqual(["b1"]));
    await eventually(() => expect(gates.begun).toEqual([1, 2, 3, 2]));
    expect(second.received).toContainEqual(
      expect.objectContaining({ $case: "nack", value: expect.objectContaining({ ackIds: ["b3"] }) }),
    );
    subscription.cancel();
  });

  it("tells which acknowledgements came too late, and handles those events again", async () => {
    await using opened = openEvents();
    const expired: number[] = [];
    const gates = new Gates();
    const subscription = opened.events.subscribe("s", gates.handler, {
      onExpired: ({ sequence }) => expired.push(sequence),
    });
    const consumer = await consumerOf(opened);
    consumer.deliver("a", [1, 2, 3]);
    await eventually(() => expect(gates.begun).toEqual([1, 2, 3]));
    gates.open(1);
    await eventually(() => expect(consumer.acked).toEqual(["a1"]));
    // 1 was answered too late; 2 and 3 are given up while they run, but 3 comes back in time.
    consumer.result([], ["a1", "a2", "a3"]);
    consumer.deliver("b", [3]);
    await eventually(() => expect(expired).toEqual([1]));
    await turns();
    gates.open(2);
    gates.open(3);
    await eventually(() => expect(expired).toEqual([1, 2]));
    await eventually(() => expect(consumer.acked).toEqual(["a1", "b3"]));
    consumer.deliver("c", [1]);
    await eventually(() => expect(gates.begun).toEqual([1, 2, 3, 1]));
    expect(subscription.stats).toMatchObject({ expired: 2 });
    subscription.cancel();
  });

  it("moves deadlines while handlers run, and not for ever", async () => {
    const clock = new VirtualClock();
    await using opened = openEvents({}, clock);
    opened.server.subscriptions.ackDeadlineMs = 3000;
    const gates = new Gates();
    const subscription = opened.events.subscribe("s", gates.handler, {
      concurrency: 1,
      heartbeatMs: 0,
      maxHandlerMs: 2500,
    });
    const consumer = await consumerOf(opened);
    await subscription.ready;
    consumer.deliver("a", [1, 2]);
    await eventually(() => expect(gates.begun).toEqual([1]));
    await clock.advance(1000);
    const extension = (ackIds: readonly string[]) => ({
      $case: "extend",
      value: { ackIds, deadline: { seconds: 3, nanos: 0 } },
    });
    await eventually(() => expect(consumer.received.slice(1)).toEqual([extension(["a1", "a2"])]));
    await clock.advance(2000);
    await eventually(() => expect(consumer.received.at(-1)).toEqual(extension(["a2"])));
    expect(gates.deliveries[0]?.signal.aborted).toBe(true);
    gates.open(1);
    await eventually(() => expect(consumer.acked).toEqual(["a1"]));
    subscription.cancel();
    await eventually(() => expect(clock.pending).toBe(0));
  });

  it("makes the subscription if there is none, and takes one that is there", async () => {
    let left = 1;
    await using opened = openEvents(() => (left-- > 0 ? { dropAck: true } : undefined));
    const reference = { name: "s", create: { types: ["a"], from: "beginning", orderedByKey: true } } as const;
    const subscription = opened.events.subscribe(reference, () => {});
    await subscription.ready;
    expect(opened.server.subscriptions.createCalls).toBe(2);
    expect(opened.server.subscriptions.all.get("s")).toMatchObject({ orderedByKey: true, maxDeliveryAttempts: 10 });
    subscription.cancel();
  });

  it("ends with NOT_FOUND when the subscription is deleted", async () => {
    await using opened = openEvents();
    const gates = new Gates();
    const subscription = opened.events.subscribe("s", gates.handler);
    const consumer = await consumerOf(opened);
    consumer.deliver("a", [1]);
    await eventually(() => expect(gates.begun).toEqual([1]));
    consumer.end(resourceNotFound("subscription", "s"));
    expect(await subscription.closed).toMatchObject({ type: "failed", error: { kind: "not-found" } });
    expect(gates.deliveries[0]?.signal.aborted).toBe(true);
    gates.open(1);
    await subscription.close();
  });

  it("rejects `ready` if it ends before", async () => {
    await using opened = openEvents();
    opened.server.subscriptions.opensAlone = false;
    const subscription = opened.events.subscribe("s", () => {});
    const consumer = await consumerOf(opened);
    consumer.end(new ServiceError("PERMISSION_DENIED", "no"));
    await expect(subscription.ready).rejects.toMatchObject({ kind: "permission-denied" });
  });

  it("takes silence for a lost connection", async () => {
    const clock = new VirtualClock();
    await using opened = openEvents({}, clock);
    const subscription = opened.events.subscribe("s", () => {}, { heartbeatMs: 1000 });
    await subscription.ready;
    const consumer = await consumerOf(opened);
    opened.faults.stall();
    consumer.send({ $case: "control", value: { kind: undefined } });
    await clock.advance(2500);
    opened.faults.resume();
    await clock.untilPending(1);
    await clock.advance(0);
    await consumerOf(opened, 1);
    expect(opened.server.subscriptions.consumers).toHaveLength(2);
    subscription.cancel();
  });

  it("tells of events that were removed before they could be delivered", async () => {
    await using opened = openEvents();
    const gap = latch<unknown>();
    const subscription = opened.events.subscribe("s", () => {}, { onGap: gap.open });
    const consumer = await consumerOf(opened);
    const value = { fromSequence: 3, toSequence: 9, droppedCount: 7, reason: GapReason.COMPACTED };
    consumer.send({ $case: "control", value: { kind: { $case: "gap", value } } });
    expect(await gap.promise).toMatchObject({ fromSequence: 3, toSequence: 9 });
    subscription.cancel();
  });

  it("fails if a callback throws", async () => {
    await using opened = openEvents();
    const onHandlerError = (): never => {
      throw new Error("callback");
    };
    const failing = (): never => {
      throw new Error("handler");
    };
    const subscription = opened.events.subscribe("s", failing, { onHandlerError });
    (await consumerOf(opened)).deliver("a", [1]);
    expect(await subscription.closed).toMatchObject({ type: "failed", error: { kind: "internal" } });
  });
});
