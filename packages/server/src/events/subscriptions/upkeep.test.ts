import { describe, expect, it } from "@jest/globals";

import { contextOf } from "../../files/files-fixture.test.support.js";

import { listSubscriptions } from "./list-subscriptions.js";
import type { SubscriptionsFixture } from "./subscriptions-fixture.test.support.js";
import {
  attach,
  create,
  newStores,
  openFixture,
  openWithSubscription,
  settled,
} from "./subscriptions-fixture.test.support.js";

const MINUTE_MS = 60_000;
const inactiveTtl = { seconds: 60, nanos: 0 };

async function isThere({ deps }: SubscriptionsFixture): Promise<boolean> {
  const { subscriptions } = await listSubscriptions({ pageSize: 0, pageToken: "" }, contextOf(), deps);
  return subscriptions.length === 1;
}

/** Moves time on in the upkeep's steps. */
async function pass({ clock }: SubscriptionsFixture, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 10_000) {
    clock.advance(Math.min(10_000, ms - passed));
    await settled();
  }
}

describe("a subscription with inactive_ttl", () => {
  it("is deleted after that long without a consumer, and not before", async () => {
    await using fixture = await openWithSubscription({ inactiveTtl });
    await pass(fixture, MINUTE_MS - 10_000);
    expect(await isThere(fixture)).toBe(true);
    await pass(fixture, 20_000);
    expect(await isThere(fixture)).toBe(false);
    expect(await fixture.records.scan("idlesubscriptions", { limit: 10 })).toEqual([]);
  });

  it("stays while it has a consumer, and for its ttl after the last one left", async () => {
    await using fixture = await openWithSubscription({ inactiveTtl });
    {
      await using _ = await attach(fixture);
      await pass(fixture, 10 * MINUTE_MS);
    }
    await pass(fixture, MINUTE_MS - 10_000);
    expect(await isThere(fixture)).toBe(true);
    await pass(fixture, 80_000);
    expect(await isThere(fixture)).toBe(false);
  });

  it("does not pay for the time when the server was down", async () => {
    const stores = newStores();
    {
      await using _ = await openWithSubscription({ inactiveTtl }, stores);
    }
    stores.clock.advance(60 * MINUTE_MS);
    await using fixture = await openFixture(stores);
    await pass(fixture, MINUTE_MS - 10_000);
    expect(await isThere(fixture)).toBe(true);
    await pass(fixture, 30_000);
    expect(await isThere(fixture)).toBe(false);
  });

  it("is not confused by one that had the name before", async () => {
    await using fixture = await openWithSubscription({ inactiveTtl });
    await fixture.deps.subscriptions.delete("s");
    await pass(fixture, 50_000);
    await create(fixture, { inactiveTtl });
    await pass(fixture, 50_000);
    expect(await isThere(fixture)).toBe(true);
  });
});
