import { describe, expect, it } from "@jest/globals";
import { NackAction, StartPosition } from "@millrace/shared-types";

import { contextOf } from "../../files/files-fixture.test.support.js";

import { replayParked } from "./replay-parked.js";
import { seekSubscription } from "./seek-subscription.js";
import type { SubscriptionsFixture } from "./subscriptions-fixture.test.support.js";
import {
  attach,
  described,
  NAME,
  newStores,
  openFixture,
  openWithSubscription,
  publish,
  publishTogether,
  statsOf,
} from "./subscriptions-fixture.test.support.js";

async function replay({ deps }: SubscriptionsFixture, limit = 0): Promise<number> {
  return (await replayParked({ name: NAME, limit }, contextOf(), deps)).replayed;
}

/** Delivers all events once and parks them. */
async function parkAll(fixture: SubscriptionsFixture, count: number): Promise<void> {
  await using consumer = await attach(fixture, { maxInFlight: 10_000 });
  for (const delivery of await consumer.take(count)) consumer.nack(delivery, { action: NackAction.PARK });
  await consumer.answers(count);
}

describe("ReplayParked", () => {
  it("delivers the events again in the order in which they were parked, with attempts counted anew", async () => {
    await using fixture = await openWithSubscription();
    await publish(fixture, "a", "b", "c");
    await parkAll(fixture, 3);
    await using consumer = await attach(fixture);
    expect(await replay(fixture, 2)).toBe(2);
    expect(await statsOf(fixture)).toMatchObject({ parked: 1 });
    const deliveries = await consumer.take(2);
    expect(deliveries.map(described)).toEqual(["a#1", "b#1"]);
    consumer.ack(...deliveries);
    await consumer.answers(2);
    expect(await replay(fixture)).toBe(1);
    expect(await replay(fixture)).toBe(0);
    consumer.nack(await consumer.takeOne(), { action: NackAction.PARK });
    await consumer.answers(1);
    expect(await statsOf(fixture)).toMatchObject({ parked: 1, backlog: 0, acknowledgedSequence: 3 });
  });

  it("outlives a restart at any moment: asked back, and delivered", async () => {
    const stores = newStores();
    {
      await using fixture = await openWithSubscription({}, stores);
      await publish(fixture, "a", "b");
      await parkAll(fixture, 2);
      expect(await replay(fixture)).toBe(2);
    }
    {
      await using fixture = await openFixture(stores);
      await using consumer = await attach(fixture);
      const [a] = await consumer.take(2);
      if (a !== undefined) consumer.ack(a);
      await consumer.answers(1);
    }
    await using fixture = await openFixture(stores);
    await using consumer = await attach(fixture);
    await publish(fixture, "c");
    expect((await consumer.take(2)).map(described)).toEqual(["b#2", "c#1"]);
    expect(await fixture.records.scan("parkedevents", { limit: 10 })).toEqual([]);
  });

  it("takes any number of events, page by page", async () => {
    await using fixture = await openWithSubscription();
    const ids = Array.from({ length: 1200 }, (_, index) => ({ id: `e${String(index)}` }));
    await publishTogether(fixture, ...ids.slice(0, 1000));
    await publishTogether(fixture, ...ids.slice(1000));
    await parkAll(fixture, 1200);
    await using consumer = await attach(fixture, { maxInFlight: 10_000 });
    expect(await replay(fixture)).toBe(1200);
    expect((await consumer.take(1200)).map(described)).toEqual(ids.map(({ id }) => `${id}#1`));
  });

  it("keeps the order of a key among what is put back", async () => {
    await using fixture = await openWithSubscription({ orderedByKey: true });
    await publishTogether(fixture, { id: "k1", key: "k" }, { id: "k2", key: "k" });
    {
      await using consumer = await attach(fixture);
      for (let event = 0; event < 2; event += 1) {
        consumer.nack(await consumer.takeOne(), { action: NackAction.PARK });
        await consumer.answers(1);
      }
    }
    await using consumer = await attach(fixture);
    await replay(fixture);
    const first = await consumer.takeOne();
    expect(described(first)).toBe("k1#1");
    consumer.ack(first);
    expect(described(await consumer.takeOne())).toBe("k2#1");
  });

  it("delivers once what was parked and is ahead again after a seek", async () => {
    await using fixture = await openWithSubscription();
    await publish(fixture, "a", "b");
    await parkAll(fixture, 2);
    const target = { $case: "position", value: StartPosition.BEGINNING } as const;
    await seekSubscription({ name: NAME, target }, contextOf(), fixture.deps);
    expect(await replay(fixture)).toBe(2);
    await using consumer = await attach(fixture);
    const deliveries = await consumer.take(2);
    expect(deliveries.map(described)).toEqual(["a#1", "b#1"]);
    consumer.ack(...deliveries);
    await publish(fixture, "c");
    expect(described(await consumer.takeOne())).toBe("c#1");
    await consumer.answers(2);
    expect(await statsOf(fixture)).toMatchObject({ parked: 0, backlog: 1 });
  });

  it("refuses a negative limit and an unknown subscription", async () => {
    await using fixture = await openWithSubscription();
    await expect(replay(fixture, -1)).rejects.toMatchObject({ reason: "INVALID_FIELD" });
    await expect(replayParked({ name: "t", limit: 0 }, contextOf(), fixture.deps)).rejects.toMatchObject({
      reason: "RESOURCE_NOT_FOUND",
    });
  });
});
