import { describe, expect, it } from "@jest/globals";
import { NackAction } from "@millrace/shared-types";

import { ManualClock } from "../../testing/manual-clock.js";

import type { SubscriptionsFixture } from "./subscriptions-fixture.test.support.js";
import {
  attach,
  described,
  openFixture,
  openWithSubscription,
  publish,
  publishTogether,
  settled,
  statsOf,
  newStores,
  TestConsumer,
} from "./subscriptions-fixture.test.support.js";

const TEN_SECONDS = { seconds: 10, nanos: 0 };

/** What is parked, as an operator finds it in the store. */
async function parkedIn({ records }: SubscriptionsFixture): Promise<readonly object[]> {
  const found = await records.scan("parkedevents", { limit: 100 });
  return found.map(({ value }) => JSON.parse(value) as object);
}

/** A clock on which time can pass without its timers going off. */
class LateClock extends ManualClock {
  #unnoticedMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.#unnoticedMs;
  }

  passUnnoticed(ms: number): void {
    this.#unnoticedMs += ms;
  }
}

describe("an attempt", () => {
  it("is given up at its deadline, not before, and its event is delivered again with the next number", async () => {
    await using fixture = await openWithSubscription({ ackDeadline: TEN_SECONDS });
    await publish(fixture, "a");
    await using consumer = await attach(fixture);
    const first = await consumer.takeOne();
    expect(first.ackDeadline).toEqual({ seconds: Date.UTC(2026, 0, 1) / 1000 + 10, nanos: 0 });
    fixture.clock.advance(9_999);
    await settled();
    expect(consumer.seen).toEqual(["a#1"]);
    fixture.clock.advance(1);
    const second = await consumer.takeOne();
    expect(described(second)).toBe("a#2");
    consumer.ack(first);
    expect(await consumer.answers(1)).toEqual({ acked: [], expired: [first.ackId] });
    consumer.ack(second);
    expect(await consumer.answers(1)).toEqual({ acked: [second.ackId], expired: [] });
  });

  it("can be acknowledged up to its deadline", async () => {
    await using fixture = await openWithSubscription({ ackDeadline: TEN_SECONDS });
    await publish(fixture, "a");
    await using consumer = await attach(fixture);
    const delivery = await consumer.takeOne();
    fixture.clock.advance(9_999);
    consumer.ack(delivery);
    expect((await consumer.answers(1)).acked).toEqual([delivery.ackId]);
  });

  it("is over at its deadline even if the timer is late", async () => {
    const clock = new LateClock(Date.UTC(2026, 0, 1));
    await using fixture = await openWithSubscription({ ackDeadline: TEN_SECONDS }, newStores({ clock }));
    await publish(fixture, "a");
    await using consumer = await attach(fixture);
    const delivery = await consumer.takeOne();
    clock.passUnnoticed(10_000);
    consumer.ack(delivery);
    expect(await consumer.answers(1)).toEqual({ acked: [], expired: [delivery.ackId] });
    expect(described(await consumer.takeOne())).toBe("a#2");
  });

  it("takes as long as an extension says, from when it came: longer or shorter than before", async () => {
    await using fixture = await openWithSubscription({ ackDeadline: TEN_SECONDS });
    await publishTogether(fixture, { id: "a" }, { id: "b" });
    await using consumer = await attach(fixture);
    const [a, b] = await consumer.take(2);
    if (a === undefined || b === undefined) throw new Error("no deliveries");
    fixture.clock.advance(9_000);
    consumer.extend(a, 600);
    consumer.extend(b, 2);
    await settled();
    fixture.clock.advance(2_000);
    expect(described(await consumer.takeOne())).toBe("b#2");
    fixture.clock.advance(597_999);
    consumer.ack(a);
    expect((await consumer.answers(1)).acked).toEqual([a.ackId]);
  });

  it("is over when its consumer is lost: others get the event at once", async () => {
    await using fixture = await openWithSubscription();
    await publish(fixture, "a");
    await using lost = await attach(fixture);
    await lost.take(1);
    await using other = await attach(fixture);
    lost.abort();
    expect(described(await other.takeOne())).toBe("a#2");
  });

  it("that was never sent, as the consumer stood still, is given up like others, and not sent after that", async () => {
    await using fixture = await openWithSubscription({ ackDeadline: TEN_SECONDS });
    await publish(fixture, "a", "b");
    await using old = await attach(fixture, { consumerId: "w" });
    await old.take(2);
    await using still = new TestConsumer(fixture, { consumerId: "w" });
    still.pause();
    await old.ended;
    await using other = await attach(fixture);
    fixture.clock.advance(10_000);
    expect((await other.take(2)).map(described)).toEqual(["a#3", "b#3"]);
    still.resume();
    await publish(fixture, "c");
    await Promise.race([still.takeOne(), other.takeOne()]);
    await settled();
    expect(still.seen.filter((seen) => seen !== "c#1")).toEqual([]);
  });
});

describe("a nack", () => {
  it("has the event delivered again after the subscription's delay, which doubles up to its maximum", async () => {
    await using fixture = await openWithSubscription({
      minRetryDelay: { seconds: 1, nanos: 0 },
      maxRetryDelay: { seconds: 3, nanos: 0 },
    });
    await publish(fixture, "a");
    await using consumer = await attach(fixture);
    for (const [attempt, delayMs] of [1000, 2000, 3000, 3000].entries()) {
      const delivery = await consumer.takeOne();
      expect(described(delivery)).toBe(`a#${String(attempt + 1)}`);
      consumer.nack(delivery, { action: NackAction.RETRY });
      expect((await consumer.answers(1)).acked).toEqual([delivery.ackId]);
      fixture.clock.advance(delayMs - 1);
      await settled();
      expect(consumer.waiting).toBe(0);
      fixture.clock.advance(1);
    }
    expect(described(await consumer.takeOne())).toBe("a#5");
  });

  it("may name the delay, also none at all", async () => {
    await using fixture = await openWithSubscription();
    await publish(fixture, "a");
    await using consumer = await attach(fixture);
    consumer.nack(await consumer.takeOne(), { delay: { seconds: 0, nanos: 0 } });
    const second = await consumer.takeOne();
    consumer.nack(second, { delay: { seconds: 86_400, nanos: 0 } });
    await consumer.answers(2);
    fixture.clock.advance(86_399_999);
    await settled();
    expect(consumer.waiting).toBe(0);
    fixture.clock.advance(1);
    expect(described(await consumer.takeOne())).toBe("a#3");
  });

  it("does not hold up other events", async () => {
    await using fixture = await openWithSubscription();
    await publish(fixture, "a");
    await using consumer = await attach(fixture);
    consumer.nack(await consumer.takeOne(), { delay: TEN_SECONDS });
    await publish(fixture, "b");
    consumer.ack(await consumer.takeOne());
    await consumer.answers(2);
    expect(await statsOf(fixture)).toMatchObject({ acknowledgedSequence: 0, backlog: 1 });
    fixture.clock.advance(10_000);
    consumer.ack(await consumer.takeOne());
    await consumer.answers(1);
    expect(await statsOf(fixture)).toMatchObject({ acknowledgedSequence: 2, backlog: 0 });
  });

  it("can park the event, with a reason that is kept, or skip it", async () => {
    await using fixture = await openWithSubscription();
    await publish(fixture, "a", "b");
    await using consumer = await attach(fixture);
    const [a, b] = await consumer.take(2);
    if (a === undefined || b === undefined) throw new Error("no deliveries");
    consumer.nack(a, { action: NackAction.PARK, reason: "x".repeat(2000) });
    consumer.nack(b, { action: NackAction.SKIP });
    expect((await consumer.answers(2)).acked).toEqual([a.ackId, b.ackId]);
    expect(await statsOf(fixture)).toMatchObject({ acknowledgedSequence: 2, backlog: 0, parked: 1 });
    expect(await parkedIn(fixture)).toEqual([
      { sequence: 1, attempts: 1, reason: "x".repeat(1024), parkedAtMs: fixture.clock.now() },
    ]);
  });
});

describe("an event", () => {
  it("is parked after the last attempt, whichever way the attempts ended", async () => {
    await using fixture = await openWithSubscription({ maxDeliveryAttempts: 3, ackDeadline: TEN_SECONDS });
    await publish(fixture, "a");
    await using lost = await attach(fixture);
    await lost.take(1);
    lost.abort();
    await lost.ended;
    await using consumer = await attach(fixture);
    expect(described(await consumer.takeOne())).toBe("a#2"); // the count outlives the time without consumers
    fixture.clock.advance(10_000);
    const last = await consumer.takeOne();
    expect(described(last)).toBe("a#3");
    consumer.nack(last, { reason: "does not parse" });
    expect((await consumer.answers(1)).acked).toEqual([last.ackId]);
    expect(await statsOf(fixture)).toMatchObject({ parked: 1, backlog: 0, acknowledgedSequence: 1 });
    expect(await parkedIn(fixture)).toMatchObject([{ sequence: 1, attempts: 3, reason: "does not parse" }]);
  });

  it("is tried without end if the subscription says 0", async () => {
    await using fixture = await openWithSubscription({ maxDeliveryAttempts: 0 });
    await publish(fixture, "a");
    await using consumer = await attach(fixture);
    for (let attempt = 1; attempt <= 50; attempt += 1) {
      const delivery = await consumer.takeOne();
      expect(delivery.deliveryAttempt).toBe(attempt);
      consumer.nack(delivery, { delay: { seconds: 0, nanos: 0 } });
    }
    expect(described(await consumer.takeOne())).toBe("a#51");
  });

  it("goes on where it was after a restart: attempts and delays are kept, and so is what is done above it", async () => {
    const stores = newStores();
    {
      await using fixture = await openWithSubscription({}, stores);
      await publish(fixture, "a", "b", "c", "d");
      await using consumer = await attach(fixture);
      const [a, b, c] = await consumer.take(4);
      if (a === undefined || b === undefined || c === undefined) throw new Error("no deliveries");
      consumer.nack(a, { delay: TEN_SECONDS });
      consumer.ack(c);
      await consumer.answers(2);
    }
    stores.clock.advance(4_000);
    await using fixture = await openFixture(stores);
    await using consumer = await attach(fixture);
    expect((await consumer.take(2)).map(described)).toEqual(["b#2", "d#2"]);
    stores.clock.advance(5_999);
    await settled();
    expect(consumer.waiting).toBe(0);
    stores.clock.advance(1);
    expect(described(await consumer.takeOne())).toBe("a#2");
    expect(await statsOf(fixture)).toMatchObject({ acknowledgedSequence: 0, backlog: 3, inFlight: 3 });
  });
});

describe("a consumer id", () => {
  it("passes what the old stream had in flight to the new one, at once and to nobody else", async () => {
    await using fixture = await openWithSubscription();
    await publish(fixture, "a", "b", "c");
    await using old = await attach(fixture, { consumerId: "worker-1" });
    const [a] = await old.take(3);
    await using bystander = await attach(fixture);
    await using next = await attach(fixture, { consumerId: "worker-1" });
    expect(await old.failure).toMatchObject({ code: 10 });
    const deliveries = await next.take(3);
    expect(deliveries.map(described)).toEqual(["a#2", "b#2", "c#2"]);
    expect(bystander.seen).toEqual([]);
    next.send({ $case: "ack", value: { ackIds: [a?.ackId ?? ""], cumulative: false } });
    expect(await next.answers(1)).toEqual({ acked: [], expired: [a?.ackId] });
    next.ack(...deliveries);
    expect((await next.answers(3)).acked).toHaveLength(3);
  });

  it("passes no more than the new stream can have in flight; others get the rest", async () => {
    await using fixture = await openWithSubscription();
    await publish(fixture, "a", "b", "c");
    await using old = await attach(fixture, { consumerId: "w" });
    await old.take(3);
    await using bystander = await attach(fixture);
    await using next = await attach(fixture, { consumerId: "w", maxInFlight: 1 });
    expect(described(await next.takeOne())).toBe("a#2");
    expect((await bystander.take(2)).map(described)).toEqual(["b#2", "c#2"]);
  });

  it("is of one subscription, and empty ids are nobody's", async () => {
    await using fixture = await openWithSubscription();
    await using first = await attach(fixture);
    await using second = await attach(fixture);
    await publishTogether(fixture, { id: "a" }, { id: "b" });
    expect([await first.takeOne(), await second.takeOne()].map(described)).toEqual(["a#1", "b#1"]);
  });
});

describe("order by key", () => {
  it("delivers the next event of a key only after the one before it is done, to whoever has room", async () => {
    await using fixture = await openWithSubscription({ orderedByKey: true });
    await using first = await attach(fixture);
    await using second = await attach(fixture);
    await publishTogether(
      fixture,
      { id: "k1", key: "k" },
      { id: "k2", key: "k" },
      { id: "l1", key: "l" },
      { id: "none" },
    );
    const [k1, l1, none] = [await first.takeOne(), await second.takeOne(), await first.takeOne()];
    expect([k1, l1, none].map(described)).toEqual(["k1#1", "l1#1", "none#1"]);
    await settled();
    expect(first.waiting + second.waiting).toBe(0);
    first.ack(k1);
    expect(described(await Promise.race([first.takeOne(), second.takeOne()]))).toBe("k2#1");
  });

  it.each([
    ["retry", { action: NackAction.RETRY, delay: TEN_SECONDS }, ["k1#2", "k2#1"]],
    ["parking", { action: NackAction.PARK }, ["k2#1"]],
    ["skipping", { action: NackAction.SKIP }, ["k2#1"]],
  ])("is kept by %s", async (_, nack, expected) => {
    await using fixture = await openWithSubscription({ orderedByKey: true });
    await publish(fixture, "other");
    await publishTogether(fixture, { id: "k1", key: "k" }, { id: "k2", key: "k" });
    await using consumer = await attach(fixture);
    const [, k1] = await consumer.take(2);
    if (k1 === undefined) throw new Error("no delivery");
    consumer.nack(k1, nack);
    await consumer.answers(1);
    fixture.clock.advance(10_000);
    for (const next of expected) {
      const delivery = await consumer.takeOne();
      expect(described(delivery)).toBe(next);
      consumer.ack(delivery);
    }
  });

  it("is kept across a restart with events of one key in all states", async () => {
    const stores = newStores();
    {
      await using fixture = await openWithSubscription({ orderedByKey: true }, stores);
      await publishTogether(fixture, { id: "k1", key: "k" }, { id: "k2", key: "k" }, { id: "k3", key: "k" });
      await publishTogether(fixture, { id: "l1", key: "l" });
      await using consumer = await attach(fixture);
      const [k1, l1] = await consumer.take(2);
      if (k1 === undefined || l1 === undefined) throw new Error("no deliveries");
      consumer.ack(k1, l1);
      await consumer.answers(2);
      consumer.nack(await consumer.takeOne(), { delay: TEN_SECONDS });
      await consumer.answers(1);
    }
    await using fixture = await openFixture(stores);
    await using consumer = await attach(fixture);
    await publishTogether(fixture, { id: "k4", key: "k" }, { id: "m1", key: "m" });
    expect(described(await consumer.takeOne())).toBe("m1#1");
    stores.clock.advance(10_000);
    for (const next of ["k2#2", "k3#1", "k4#1"]) {
      const delivery = await consumer.takeOne();
      expect(described(delivery)).toBe(next);
      consumer.ack(delivery);
    }
  });
});
