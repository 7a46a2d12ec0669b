import { describe, expect, it } from "@jest/globals";
import { GapReason, NackAction } from "@millrace/shared-types";

import { contextOf } from "../../files/files-fixture.test.support.js";

import { MAX_UNFINISHED } from "./log-reader.js";
import { replayParked } from "./replay-parked.js";
import type { Stores } from "./subscriptions-fixture.test.support.js";
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
} from "./subscriptions-fixture.test.support.js";

const LATER = { seconds: 3600, nanos: 0 };

/** A server with the subscription has been here, and is gone. */
async function openAndClose(stores: Stores): Promise<void> {
  await using _ = await openWithSubscription({}, stores);
}

/** Removes all events but the newest `keep`. */
async function trim({ log }: Stores, keep: number): Promise<void> {
  while ((await log.trim({ maxEvents: keep })) > 0);
}

describe("a subscription", () => {
  it("delivers only what it selects, and does not look again at what it passed over", async () => {
    const stores = newStores();
    {
      await using fixture = await openWithSubscription(
        { watch: { eventTypes: ["order.*"], streams: ["shop/*"] } },
        stores,
      );
      await using _ = await attach(fixture);
      await publish(fixture, "elsewhere");
      await settled();
    }
    await using fixture = await openFixture(stores);
    expect(await statsOf(fixture)).toMatchObject({ acknowledgedSequence: 1, backlog: 0 });
  });

  it("stops reading with too many unfinished events, and goes on when the oldest are done", async () => {
    await using fixture = await openWithSubscription();
    const ids = Array.from({ length: MAX_UNFINISHED + 1500 }, (_, index) => ({ id: `e${String(index)}` }));
    for (let at = 0; at < ids.length; at += 500) await publishTogether(fixture, ...ids.slice(at, at + 500));
    await using consumer = await attach(fixture, { maxInFlight: 10_000 });
    await using second = await attach(fixture, { maxInFlight: 10_000 });
    await settledWhile(() => consumer.waiting + second.waiting);
    const inFlight = consumer.waiting + second.waiting;
    expect(inFlight).toBeGreaterThanOrEqual(MAX_UNFINISHED);
    expect(inFlight).toBeLessThan(MAX_UNFINISHED + 500);
    for (const one of [consumer, second]) one.ack(...one.takeAll());
    await settledWhile(() => consumer.waiting + second.waiting);
    expect(consumer.waiting + second.waiting).toBe(ids.length - inFlight);
  });

  it("begins with all that was unfinished, however much that is, when it comes back", async () => {
    const stores = newStores();
    const ids = Array.from({ length: MAX_UNFINISHED }, (_, index) => ({ id: `e${String(index)}` }));
    {
      await using fixture = await openWithSubscription({}, stores);
      for (let at = 0; at < ids.length; at += 500) await publishTogether(fixture, ...ids.slice(at, at + 500));
      await using consumer = await attach(fixture, { maxInFlight: 10_000 });
      await consumer.take(ids.length);
    }
    await using fixture = await openFixture(stores);
    await using consumer = await attach(fixture, { maxInFlight: 10_000 });
    expect((await consumer.take(ids.length)).map(described)).toEqual(ids.map(({ id }) => `${id}#2`));
  });

  it("tells of events that retention removed before it came to them, and goes on with the oldest left", async () => {
    const stores = newStores();
    await openAndClose(stores);
    await publish(stores, "a", "b", "c", "d");
    await trim(stores, 2);
    {
      await using fixture = await openFixture(stores);
      await using consumer = await attach(fixture);
      expect(described(await consumer.takeOne())).toBe("c#1");
      expect(await consumer.control()).toEqual({
        $case: "gap",
        value: { fromSequence: 1, toSequence: 2, droppedCount: 0, reason: GapReason.COMPACTED },
      });
    }
    await using fixture = await openFixture(stores);
    expect(await statsOf(fixture)).toMatchObject({ acknowledgedSequence: 2, backlog: 2 });
  });

  it("tells of events that were left undone and are gone after a restart, and how many", async () => {
    const stores = newStores();
    {
      await using fixture = await openWithSubscription({}, stores);
      await publish(fixture, "a", "b", "c", "d", "e");
      await using consumer = await attach(fixture);
      const [a, b, c] = await consumer.take(5);
      if (a === undefined || b === undefined || c === undefined) throw new Error("no deliveries");
      consumer.nack(a, { delay: LATER });
      consumer.nack(c, { delay: LATER });
      consumer.ack(b);
      await consumer.answers(3);
    }
    await trim(stores, 2);
    await using fixture = await openFixture(stores);
    await using consumer = await attach(fixture);
    expect((await consumer.take(2)).map(described)).toEqual(["d#2", "e#2"]);
    expect(await consumer.control()).toMatchObject({ value: { fromSequence: 1, toSequence: 3, droppedCount: 2 } });
    expect(await statsOf(fixture)).toMatchObject({ acknowledgedSequence: 3, inFlight: 2, backlog: 2 });
  });

  it("still delivers what it has in memory when retention removes it", async () => {
    await using fixture = await openWithSubscription();
    await publish(fixture, "a", "b");
    await using consumer = await attach(fixture);
    const [a] = await consumer.take(2);
    await trim(fixture, 0);
    if (a !== undefined) consumer.nack(a, { delay: { seconds: 0, nanos: 0 } });
    expect(described(await consumer.takeOne())).toBe("a#2");
  });

  it("tells of parked events that are gone when they are asked back", async () => {
    const stores = newStores();
    {
      await using fixture = await openWithSubscription({}, stores);
      await publish(fixture, "a", "b", "c");
      await using consumer = await attach(fixture);
      for (const delivery of await consumer.take(3)) consumer.nack(delivery, { action: NackAction.PARK });
      await consumer.answers(3);
    }
    await trim(stores, 1);
    await using fixture = await openFixture(stores);
    await using consumer = await attach(fixture);
    expect(await replayParked({ name: NAME, limit: 0 }, contextOf(), fixture.deps)).toEqual({ replayed: 3 });
    expect(described(await consumer.takeOne())).toBe("c#1");
    expect(await consumer.control()).toMatchObject({ value: { fromSequence: 1, toSequence: 2, droppedCount: 2 } });
  });

  it("estimates its backlog from the events that come next", async () => {
    await using fixture = await openWithSubscription({ watch: { streams: ["default"], start: undefined } });
    const ids = Array.from({ length: 1000 }, (_, index) => ({ id: `e${String(index)}` }));
    for (let stream = 0; stream < 3; stream += 1)
      await publishTogether(fixture, ...ids.map(({ id }) => ({ id: `${id}-${String(stream)}` })));
    const { backlog } = await statsOf(fixture);
    expect(backlog).toBe(3000);
  });
});

/** Until `count` stands still. */
async function settledWhile(count: () => number): Promise<void> {
  for (let before = -1; before !== count();) {
    before = count();
    await settled();
  }
}
