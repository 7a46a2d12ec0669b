import { describe, expect, it } from "@jest/globals";
import type { ConsumeRequest } from "@millrace/shared-types";
import { ConsumeOpen, NackAction } from "@millrace/shared-types";

import type { Mutation } from "../../ports/record-store.js";
import { MemoryRecordStore } from "../../adapters/memory/memory-record-store.js";
import { contextOf } from "../../files/files-fixture.test.support.js";
import { latch } from "../../testing/latch.js";

import { deleteSubscription } from "./delete-subscription.js";
import {
  attach,
  described,
  NAME,
  newStores,
  openFixture,
  openWithSubscription,
  publish,
  publishTogether,
  settled,
  statsOf,
  TestConsumer,
} from "./subscriptions-fixture.test.support.js";

/** A store whose commits wait while it is held. */
class HeldRecords extends MemoryRecordStore {
  commits = 0;
  #go: Promise<void> = Promise.resolve();
  #release: () => void = () => {};
  failure: Error | undefined;

  hold(): void {
    const held = latch();
    this.#go = held.promise;
    this.#release = () => held.open();
  }

  release(): void {
    this.#release();
  }

  override async commit(mutations: readonly Mutation[]): Promise<void> {
    this.commits += 1;
    await this.#go;
    if (this.failure !== undefined) throw this.failure;
    await super.commit(mutations);
  }
}

describe("Consume", () => {
  it("delivers the events of the subscription in order, and answers an acknowledgement once it is stored", async () => {
    await using fixture = await openWithSubscription();
    await publish(fixture, "a", "b");
    await using consumer = await attach(fixture);
    expect(consumer.opened?.name).toBe(NAME);
    await publish(fixture, "c");
    const deliveries = await consumer.take(3);
    expect(deliveries.map(described)).toEqual(["a#1", "b#1", "c#1"]);
    consumer.ack(...deliveries);
    expect((await consumer.answers(3)).acked).toEqual(deliveries.map(({ ackId }) => ackId));
    expect(await statsOf(fixture)).toEqual({
      acknowledgedSequence: 3,
      backlog: 0,
      inFlight: 0,
      parked: 0,
      consumers: 1,
    });
  });

  it("answers no acknowledgement before it is durable, and stores what comes meanwhile in one commit", async () => {
    const records = new HeldRecords();
    await using fixture = await openWithSubscription({}, newStores({ records }));
    await publish(fixture, "a", "b", "c");
    await using consumer = await attach(fixture);
    const [a, b, c] = await consumer.take(3);
    if (a === undefined || b === undefined || c === undefined) throw new Error("no deliveries");
    const before = records.commits;
    records.hold();
    consumer.ack(a);
    await settled();
    consumer.ack(b);
    await settled();
    consumer.ack(c);
    await settled();
    expect(consumer.takeAnswers()).toEqual({ acked: [], expired: [] });
    records.release();
    expect((await consumer.answers(3)).acked).toEqual([a.ackId, b.ackId, c.ackId]);
    expect(records.commits - before).toBe(2);
  });

  it("ends all streams if an acknowledgement cannot be stored, and delivers the events again to those who come back", async () => {
    const records = new HeldRecords();
    await using fixture = await openWithSubscription({}, newStores({ records }));
    await publish(fixture, "a");
    await using first = await attach(fixture);
    await using other = await attach(fixture);
    const [delivery] = [...(await first.take(1))];
    records.failure = new Error("disk full");
    first.ack(...(delivery === undefined ? [] : [delivery]));
    expect(await first.failure).toBe(records.failure);
    expect(await other.failure).toBe(records.failure);
    expect(first.takeAnswers()).toEqual({ acked: [], expired: [] });
    records.failure = undefined;
    await using again = await attach(fixture);
    expect(described(await again.takeOne())).toBe("a#1");
  });

  it("lets nobody begin anew before the last write of what has failed is over", async () => {
    const records = new HeldRecords();
    await using fixture = await openWithSubscription({}, newStores({ records }));
    await publish(fixture, "a", "b");
    await using consumer = await attach(fixture);
    const [a] = await consumer.take(2);
    if (a === undefined) throw new Error("no delivery");
    records.hold();
    consumer.ack(a);
    await settled();
    await using lease = await fixture.deps.subscriptions.lease(NAME);
    lease.live.fail(new Error("the log is damaged"));
    const again = new TestConsumer(fixture, {});
    await settled();
    expect(again.opened).toBeUndefined();
    records.release();
    expect(described(await again.takeOne())).toBe("b#1"); // the acknowledgement counts, though nobody heard of it
    await again[Symbol.asyncDispose]();
  });

  it("acknowledges all earlier deliveries of the stream with a cumulative one, and none of another stream", async () => {
    await using fixture = await openWithSubscription();
    await using first = await attach(fixture);
    await using second = await attach(fixture);
    await publishTogether(fixture, ...["a", "b", "c", "d", "e", "f"].map((id) => ({ id })));
    const mine = await first.take(3);
    const theirs = await second.take(3);
    const upTo = mine[1]?.ackId ?? "";
    first.send({ $case: "ack", value: { ackIds: [upTo], cumulative: true } });
    expect((await first.answers(2)).acked).toEqual(mine.slice(0, 2).map(({ ackId }) => ackId));
    const foreign = theirs[2]?.ackId ?? "";
    first.send({ $case: "ack", value: { ackIds: [foreign], cumulative: true } });
    expect(await first.answers(1)).toEqual({ acked: [], expired: [foreign] });
    expect((await statsOf(fixture)).inFlight).toBe(4);
  });

  it("counts a cumulative acknowledgement for those in time, though the last one was too late", async () => {
    await using fixture = await openWithSubscription({ ackDeadline: { seconds: 10, nanos: 0 } });
    await publish(fixture, "a", "b");
    await using consumer = await attach(fixture);
    const [a, b] = await consumer.take(2);
    const [first, last] = [a?.ackId ?? "", b?.ackId ?? ""];
    if (a !== undefined) consumer.extend(a, 60);
    await settled();
    fixture.clock.advance(10_000);
    consumer.send({ $case: "ack", value: { ackIds: [last], cumulative: true } });
    expect(await consumer.answers(2)).toEqual({ acked: [first], expired: [last] });
  });

  it("answers ids that it does not know, or no longer, as expired, and each id once", async () => {
    await using fixture = await openWithSubscription();
    await publish(fixture, "a");
    await using consumer = await attach(fixture);
    const delivery = await consumer.takeOne();
    consumer.send({ $case: "ack", value: { ackIds: [delivery.ackId, "x", delivery.ackId], cumulative: false } });
    expect(await consumer.answers(2)).toEqual({ acked: [delivery.ackId], expired: ["x"] });
    consumer.ack(delivery);
    expect(await consumer.answers(1)).toEqual({ acked: [], expired: [delivery.ackId] });
    consumer.send({
      $case: "nack",
      value: { ackIds: ["y"], action: NackAction.PARK, delay: undefined, reason: "" },
    });
    expect(await consumer.answers(1)).toEqual({ acked: [], expired: ["y"] });
    consumer.send({ $case: "extend", value: { ackIds: ["z"], deadline: undefined } });
    expect(await consumer.answers(1)).toEqual({ acked: [], expired: ["z"] });
  });

  it("answers what was said before a half-close, delivers nothing more, and ends with OK", async () => {
    const records = new HeldRecords();
    await using fixture = await openWithSubscription({}, newStores({ records }));
    await publish(fixture, "a", "b");
    await using leaving = await attach(fixture);
    const [a] = await leaving.take(2);
    await using staying = await attach(fixture);
    records.hold();
    leaving.ack(...(a === undefined ? [] : [a]));
    leaving.halfClose();
    expect(described(await staying.takeOne())).toBe("b#2"); // before the acknowledgement is answered
    await publish(fixture, "c");
    expect(described(await staying.takeOne())).toBe("c#1");
    expect(leaving.isOver).toBe(false);
    records.release();
    expect(await leaving.ended).toBe("ok");
    expect(leaving.takeAnswers()).toEqual({ acked: [a?.ackId], expired: [] });
    expect(leaving.seen).toEqual(["a#1", "b#1"]);
  });

  it.each<readonly [string, ConsumeRequest["kind"]]>([
    ["nothing", undefined],
    ["an ack", { $case: "ack", value: { ackIds: [], cumulative: false } }],
  ])("refuses a stream that begins with %s", async (_, first) => {
    await using fixture = await openWithSubscription();
    const consumer = new TestConsumer(fixture);
    if (first === undefined) consumer.halfClose();
    else consumer.send(first);
    expect(await consumer.failure).toMatchObject({ reason: "PROTOCOL_VIOLATION" });
  });

  it("refuses a second open, an empty message, and credit that was not asked for; others get the events", async () => {
    await using fixture = await openWithSubscription();
    await publish(fixture, "a");
    const open = { $case: "open", value: ConsumeOpen.fromPartial({ subscription: NAME }) } as const;
    const credit = { $case: "credit", value: { events: 1 } } as const;
    for (const wrong of [open, undefined, credit]) {
      await using consumer = await attach(fixture);
      await consumer.take(1);
      consumer.send(wrong);
      expect(await consumer.failure).toMatchObject({ reason: "PROTOCOL_VIOLATION" });
    }
    await using other = await attach(fixture);
    expect(described(await other.takeOne())).toBe("a#4");
  });

  it.each([
    [{ maxInFlight: -1 }],
    [{ maxInFlight: 10_001 }],
    [{ maxInFlightBytes: -1 }],
    [{ consumerId: "x".repeat(256) }],
    [{ heartbeatInterval: { seconds: -1, nanos: 0 } }],
  ])("refuses to open with %j", async (open) => {
    await using fixture = await openWithSubscription();
    expect(await new TestConsumer(fixture, open).failure).toMatchObject({ reason: "INVALID_FIELD" });
  });

  it.each<readonly [ConsumeRequest["kind"]]>([
    [{ $case: "ack", value: { ackIds: ["x".repeat(129)], cumulative: false } }],
    [{ $case: "nack", value: { ackIds: [], action: 9 as NackAction, delay: undefined, reason: "" } }],
    [{ $case: "nack", value: { ackIds: [], action: 1, delay: { seconds: 86_401, nanos: 0 }, reason: "" } }],
    [{ $case: "extend", value: { ackIds: [], deadline: { seconds: 0, nanos: 0 } } }],
    [{ $case: "extend", value: { ackIds: [], deadline: { seconds: 600, nanos: 1 } } }],
  ])("refuses %j", async (kind) => {
    await using fixture = await openWithSubscription();
    await using consumer = await attach(fixture);
    consumer.send(kind);
    expect(await consumer.failure).toMatchObject({ reason: "INVALID_FIELD" });
  });

  it("refuses a subscription that does not exist", async () => {
    await using fixture = await openFixture();
    expect(await new TestConsumer(fixture, {}).failure).toMatchObject({
      reason: "RESOURCE_NOT_FOUND",
      metadata: { resource_type: "subscription", resource_name: NAME },
    });
  });

  it("ends with RESOURCE_NOT_FOUND when the subscription is deleted, whatever was under way", async () => {
    await using fixture = await openWithSubscription();
    await publish(fixture, "a");
    await using consumer = await attach(fixture);
    const delivery = await consumer.takeOne();
    await deleteSubscription({ name: NAME, allowMissing: false }, contextOf(), fixture.deps);
    consumer.ack(delivery);
    expect(await consumer.failure).toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
  });

  it("gives nothing new when the server drains, still answers, and ends as the runtime says", async () => {
    await using fixture = await openWithSubscription();
    await publish(fixture, "a");
    await using consumer = await attach(fixture);
    const delivery = await consumer.takeOne();
    consumer.drain();
    await publish(fixture, "b");
    consumer.ack(delivery);
    expect((await consumer.answers(1)).acked).toEqual([delivery.ackId]);
    expect(consumer.seen).toEqual(["a#1"]);
    const draining = new Error("draining");
    consumer.abort(draining);
    expect(await consumer.failure).toBe(draining);
  });

  it("makes durable what was acknowledged before the stream was cut, though it cannot answer", async () => {
    const records = new HeldRecords();
    await using fixture = await openWithSubscription({}, newStores({ records }));
    await publish(fixture, "a");
    await using consumer = await attach(fixture);
    const delivery = await consumer.takeOne();
    records.hold();
    consumer.ack(delivery);
    await settled();
    consumer.abort();
    await settled();
    expect(consumer.isOver).toBe(false); // it waits for the commit
    records.release();
    await consumer.ended;
    expect(await statsOf(fixture)).toMatchObject({ acknowledgedSequence: 1, backlog: 0 });
  });

  it("sends a heartbeat after each interval of silence, and none between events", async () => {
    await using fixture = await openWithSubscription();
    await using consumer = await attach(fixture, { heartbeatInterval: { seconds: 5, nanos: 0 } });
    await settled();
    fixture.clock.advance(4_000);
    await publish(fixture, "a");
    consumer.ack(await consumer.takeOne());
    await consumer.answers(1);
    await settled();
    fixture.clock.advance(4_999);
    await settled();
    expect(consumer.controls).toBe(0);
    fixture.clock.advance(1);
    expect(await consumer.control()).toMatchObject({
      $case: "heartbeat",
      value: { sequence: 1, interval: { seconds: 5, nanos: 0 } },
    });
    await settled();
    expect(consumer.controls).toBe(0);
  });

  it("leaves no timer when it ends", async () => {
    await using fixture = await openWithSubscription();
    const before = fixture.clock.timers;
    await publish(fixture, "a", "b");
    {
      await using consumer = await attach(fixture, { heartbeatInterval: { seconds: 5, nanos: 0 } });
      const [a] = await consumer.take(2);
      if (a !== undefined) consumer.nack(a, { delay: { seconds: 60, nanos: 0 } });
      await consumer.answers(1);
      expect(fixture.clock.timers).toBeGreaterThan(before);
    }
    expect(fixture.clock.timers).toBe(before);
  });

  it("reads no further messages while too much of what the consumer said is unanswered", async () => {
    const records = new HeldRecords();
    await using fixture = await openWithSubscription({}, newStores({ records }));
    await publish(fixture, "a");
    await using consumer = await attach(fixture);
    const delivery = await consumer.takeOne();
    records.hold();
    consumer.ack(delivery);
    consumer.pause();
    for (let message = 0; message < 10; message += 1) {
      const ackIds = Array.from({ length: 10_000 }, (_, index) => `${String(message)}-${String(index)}`);
      consumer.send({ $case: "ack", value: { ackIds, cumulative: false } });
    }
    await settled();
    expect(consumer.unread).toBeGreaterThan(6);
    consumer.resume();
    records.release();
    expect((await consumer.answers(100_001)).expired).toHaveLength(100_000);
  });
});
