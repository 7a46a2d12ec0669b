import { describe, expect, it } from "@jest/globals";
import type { PartialMessage } from "@millrace/shared-types";
import { StartPosition, Subscription, WatchRequest } from "@millrace/shared-types";

import { contextOf } from "../../files/files-fixture.test.support.js";

import { createSubscription } from "./create-subscription.js";
import {
  attach,
  create,
  described,
  NAME,
  newStores,
  openFixture,
  openWithSubscription,
  publish,
  TestConsumer,
} from "./subscriptions-fixture.test.support.js";

describe("CreateSubscription", () => {
  it("fills in what was left out", async () => {
    await using fixture = await openFixture();
    const { subscription } = await createSubscription(
      { subscription: Subscription.fromPartial({ name: NAME }) },
      contextOf(),
      fixture.deps,
    );
    expect(subscription).toEqual({
      name: NAME,
      watch: WatchRequest.fromPartial({ start: { $case: "startPosition", value: StartPosition.END } }),
      ackDeadline: { seconds: 30, nanos: 0 },
      maxDeliveryAttempts: 0,
      minRetryDelay: { seconds: 1, nanos: 0 },
      maxRetryDelay: { seconds: 60, nanos: 0 },
      orderedByKey: false,
      inactiveTtl: undefined,
    });
  });

  it("begins at what was the end when it was made, though the first consumer comes later", async () => {
    await using fixture = await openFixture();
    await publish(fixture, "before");
    await create(fixture, { watch: { start: { $case: "startPosition", value: StartPosition.END } } });
    await publish(fixture, "after");
    await using consumer = await attach(fixture);
    expect(described(await consumer.takeOne())).toBe("after#1");
  });

  it("succeeds again with the same content, defaults or not, and moves nothing", async () => {
    await using fixture = await openFixture();
    await create(fixture, { watch: undefined });
    await publish(fixture, "a");
    const again = await create(fixture, {
      watch: { start: { $case: "startPosition", value: StartPosition.END } },
      ackDeadline: { seconds: 30, nanos: 0 },
    });
    expect(again.name).toBe(NAME);
    await using consumer = await attach(fixture);
    expect(described(await consumer.takeOne())).toBe("a#1");
  });

  it.each<readonly [PartialMessage<Subscription>]>([
    [{ orderedByKey: true }],
    [{ ackDeadline: { seconds: 31, nanos: 0 } }],
    [{ watch: { eventTypes: ["x"] } }],
    [{ inactiveTtl: { seconds: 60, nanos: 0 } }],
  ])("refuses another content under the name: %j", async (other) => {
    await using fixture = await openWithSubscription();
    await expect(create(fixture, other)).rejects.toMatchObject({
      reason: "RESOURCE_EXISTS",
      metadata: { resource_type: "subscription", resource_name: NAME },
    });
  });

  it("is of no use for another log, and can be deleted and made anew there", async () => {
    const { records, clock } = newStores();
    {
      await using _ = await openWithSubscription({}, newStores({ records, clock }));
    }
    await using fixture = await openFixture(newStores({ records, clock }));
    expect(await new TestConsumer(fixture, {}).failure).toMatchObject({ reason: "EPOCH_CHANGED" });
    await fixture.deps.subscriptions.delete(NAME);
    await create(fixture);
    await publish(fixture, "a");
    await using consumer = await attach(fixture);
    expect(described(await consumer.takeOne())).toBe("a#1");
  });

  it("makes one of many that are made at once", async () => {
    await using fixture = await openFixture();
    await Promise.all(Array.from({ length: 10 }, () => create(fixture)));
    expect(await fixture.records.scan("subscriptionstates", { limit: 10 })).toHaveLength(1);
  });

  it.each<readonly [PartialMessage<Subscription>]>([
    [{ name: "A.b-c_9" }],
    [{ name: "x".repeat(128) }],
    [{ ackDeadline: { seconds: 1, nanos: 0 } }],
    [{ ackDeadline: { seconds: 600, nanos: 0 } }],
    [{ minRetryDelay: { seconds: 0, nanos: 0 }, maxRetryDelay: { seconds: 86_400, nanos: 0 } }],
    [{ minRetryDelay: { seconds: 100, nanos: 0 } }],
    [{ maxRetryDelay: { seconds: 0, nanos: 1 } }],
    [{ inactiveTtl: { seconds: 1, nanos: 0 } }],
  ])("takes %j", async (fields) => {
    await using fixture = await openFixture();
    await expect(create(fixture, fields)).resolves.toMatchObject({ maxDeliveryAttempts: 10 });
  });

  it.each<readonly [PartialMessage<Subscription>, string]>([
    [{ name: "" }, "name"],
    [{ name: "x".repeat(129) }, "name"],
    [{ name: "a/b" }, "name"],
    [{ name: "a\n" }, "name"],
    [{ ackDeadline: { seconds: 0, nanos: 999_000_000 } }, "ack_deadline"],
    [{ ackDeadline: { seconds: 600, nanos: 1 } }, "ack_deadline"],
    [{ maxDeliveryAttempts: -1 }, "max_delivery_attempts"],
    [{ minRetryDelay: { seconds: -1, nanos: 0 } }, "min_retry_delay"],
    [{ minRetryDelay: { seconds: 3, nanos: 0 }, maxRetryDelay: { seconds: 2, nanos: 0 } }, "min_retry_delay"],
    [{ maxRetryDelay: { seconds: 86_400, nanos: 1 } }, "max_retry_delay"],
    [{ inactiveTtl: { seconds: 0, nanos: 0 } }, "inactive_ttl"],
    [{ watch: { eventTypes: ["a*b"] } }, "watch.event_types"],
    [{ watch: { start: { $case: "startSequence", value: 0 } } }, "watch.start_sequence"],
  ])("refuses %j", async (fields, field) => {
    await using fixture = await openFixture();
    await expect(create(fixture, fields)).rejects.toMatchObject({
      reason: "INVALID_FIELD",
      fieldViolations: [{ field: `subscription.${field}` }],
    });
  });

  it("refuses a filter and a start that a watch would refuse, and a request without a subscription", async () => {
    await using fixture = await openFixture();
    await expect(create(fixture, { watch: { filter: "nonsense(" } })).rejects.toMatchObject({
      reason: "INVALID_FILTER",
    });
    const start = { $case: "startSequence", value: 9 } as const;
    await expect(create(fixture, { watch: { start } })).rejects.toMatchObject({ reason: "FUTURE_POSITION" });
    await expect(createSubscription({ subscription: undefined }, contextOf(), fixture.deps)).rejects.toMatchObject({
      reason: "INVALID_FIELD",
    });
  });
});
