import { describe, expect, it } from "@jest/globals";
import { NackAction } from "@millrace/shared-types";

import { contextOf } from "../../files/files-fixture.test.support.js";

import { deleteSubscription } from "./delete-subscription.js";
import { getSubscription } from "./get-subscription.js";
import {
  attach,
  create,
  described,
  NAME,
  newStores,
  openFixture,
  openWithSubscription,
  publish,
  settled,
  statsOf,
} from "./subscriptions-fixture.test.support.js";

const request = { name: NAME, allowMissing: false };

describe("DeleteSubscription", () => {
  it("makes it unknown, and a second one fails unless that is allowed", async () => {
    await using fixture = await openWithSubscription();
    await deleteSubscription(request, contextOf(), fixture.deps);
    const expected = { reason: "RESOURCE_NOT_FOUND" };
    await expect(getSubscription({ name: NAME }, contextOf(), fixture.deps)).rejects.toMatchObject(expected);
    await expect(deleteSubscription(request, contextOf(), fixture.deps)).rejects.toMatchObject(expected);
    await deleteSubscription({ ...request, allowMissing: true }, contextOf(), fixture.deps);
  });

  it("leaves nothing to one that is made anew under the name, whatever the consumers of the old one do", async () => {
    await using fixture = await openWithSubscription();
    await publish(fixture, "a", "b");
    await using old = await attach(fixture);
    const [a, b] = await old.take(2);
    if (a === undefined || b === undefined) throw new Error("no deliveries");
    old.nack(a, { action: NackAction.PARK });
    await old.answers(1);
    old.ack(b);
    await deleteSubscription(request, contextOf(), fixture.deps);
    await create(fixture);
    await old.ended;
    await using consumer = await attach(fixture);
    expect((await consumer.take(2)).map(described)).toEqual(["a#1", "b#1"]);
    expect(await statsOf(fixture)).toMatchObject({ parked: 0, consumers: 1 });
  });

  it("has its parked events removed in time, also after a restart, and nobody else's", async () => {
    const stores = newStores();
    {
      await using fixture = await openWithSubscription({}, stores);
      await create(fixture, { name: "other" });
      await publish(fixture, "a");
      for (const subscription of [NAME, "other"]) {
        await using consumer = await attach(fixture, { subscription });
        consumer.nack(await consumer.takeOne(), { action: NackAction.PARK });
        await consumer.answers(1);
      }
      await deleteSubscription(request, contextOf(), fixture.deps);
      expect(await stores.records.scan("parkedevents", { limit: 10 })).toHaveLength(2);
    }
    await using _ = await openFixture(stores);
    await settled();
    expect(await stores.records.scan("parkedevents", { limit: 10 })).toHaveLength(1);
    expect(await stores.records.scan("deletedsubscriptions", { limit: 10 })).toEqual([]);
  });
});
