import { describe, expect, it } from "@jest/globals";

import {
  attach,
  described,
  openWithSubscription,
  publish,
  publishTogether,
  settled,
} from "./subscriptions-fixture.test.support.js";

const many = (count: number): readonly { readonly id: string }[] =>
  Array.from({ length: count }, (_, index) => ({ id: `e${String(index)}` }));

describe("deliveries", () => {
  it("are spread over consumers in proportion to what each can have in flight", async () => {
    await using fixture = await openWithSubscription();
    await using large = await attach(fixture, { maxInFlight: 30 });
    await using small = await attach(fixture, { maxInFlight: 10 });
    await publishTogether(fixture, ...many(20));
    await settled();
    expect([large.seen.length, small.seen.length]).toEqual([15, 5]);
    await publishTogether(fixture, ...many(100));
    await settled();
    expect([large.seen.length, small.seen.length]).toEqual([30, 10]);
  });

  it("are at most 100 in flight by default; each answer makes room for one more", async () => {
    await using fixture = await openWithSubscription();
    await publishTogether(fixture, ...many(102));
    await using consumer = await attach(fixture);
    const [first] = await consumer.take(100);
    await settled();
    expect(consumer.waiting).toBe(0);
    if (first !== undefined) consumer.ack(first);
    expect(described(await consumer.takeOne())).toBe("e100#1");
    await settled();
    expect(consumer.waiting).toBe(0);
  });

  it("have at most max_in_flight_bytes of payload in flight, but one event of any size", async () => {
    await using fixture = await openWithSubscription();
    const payload = new Uint8Array(10);
    await publishTogether(fixture, ...many(3).map(({ id }) => ({ id, payload })), {
      id: "large",
      payload: new Uint8Array(1000),
    });
    await using consumer = await attach(fixture, { maxInFlightBytes: 20 });
    const [e0, e1] = await consumer.take(2);
    await settled();
    expect(consumer.waiting).toBe(0);
    if (e0 !== undefined) consumer.ack(e0);
    const e2 = await consumer.takeOne();
    if (e1 !== undefined) consumer.ack(e1);
    await settled();
    expect(consumer.waiting).toBe(0); // the large one waits, and is not overtaken
    consumer.ack(e2);
    expect(described(await consumer.takeOne())).toBe("large#1");
  });

  it("wait for credit with manual_credit, whatever there is room for", async () => {
    await using fixture = await openWithSubscription();
    await publish(fixture, "a", "b", "c", "d");
    await using consumer = await attach(fixture, { manualCredit: true, maxInFlight: 3 });
    await settled();
    expect(consumer.seen).toEqual([]);
    consumer.credit(2);
    await consumer.take(2);
    await settled();
    expect(consumer.seen).toEqual(["a#1", "b#1"]);
    consumer.credit(5);
    const c = await consumer.takeOne();
    await settled();
    expect(consumer.waiting).toBe(0);
    consumer.ack(c);
    expect(described(await consumer.takeOne())).toBe("d#1");
  });

  it("do not wait for a consumer that takes nothing", async () => {
    await using fixture = await openWithSubscription();
    await using still = await attach(fixture);
    await using other = await attach(fixture);
    still.pause();
    await publishTogether(fixture, ...many(2));
    await settled(); // one each: the message that is under way
    await publishTogether(fixture, { id: "x" }, { id: "y" }, { id: "z" });
    await other.take(4);
    expect(other.seen.slice(1)).toEqual(["x#1", "y#1", "z#1"]);
  });

  it("are sent in messages of at most 1 MiB, or of one event, and are given no sooner than they can be sent", async () => {
    await using fixture = await openWithSubscription();
    await using still = await attach(fixture, { consumerId: "w" });
    still.pause();
    const payload = new Uint8Array(700 * 1024);
    await publishTogether(fixture, ...many(4).map(({ id }) => ({ id, payload })));
    await settled();
    expect(still.seen).toEqual(["e0#1"]);
    await using other = await attach(fixture, { maxInFlight: 3 });
    await other.take(3);
    expect(other.messages).toEqual([1, 1, 1]);
    other.abort();
    still.resume();
    await still.take(4);
    await using next = await attach(fixture, { consumerId: "w" });
    await next.take(4);
    expect(next.messages).toEqual([1, 1, 1, 1]);
  });
});
