import { describe, expect, it } from "@jest/globals";
import type { SeekSubscriptionRequest } from "@millrace/shared-types";
import { NackAction, StartPosition } from "@millrace/shared-types";

import { MemoryEventLog } from "../../adapters/memory/memory-event-log.js";
import { contextOf } from "../../files/files-fixture.test.support.js";
import type { ReadOptions, ReadResult } from "../../ports/event-log.js";

import { seekSubscription } from "./seek-subscription.js";
import type { Stores, SubscriptionsFixture } from "./subscriptions-fixture.test.support.js";
import {
  attach,
  described,
  NAME,
  newStores,
  openFixture,
  openWithSubscription,
  publish,
  settled,
  statsOf,
} from "./subscriptions-fixture.test.support.js";

/** A log of which a read can be held. */
class HeldLog extends MemoryEventLog {
  #onRead: ((goOn: () => void) => void) | undefined;

  /** Holds the next read. Resolves when it has come, with what lets it go on. */
  holdNext(): Promise<() => void> {
    return new Promise((resolve) => (this.#onRead = resolve));
  }

  override async read(options: ReadOptions): Promise<ReadResult> {
    const found = await super.read(options);
    const onRead = this.#onRead;
    this.#onRead = undefined;
    if (onRead !== undefined) await new Promise<void>((resolve) => onRead(resolve));
    return found;
  }
}

/** A server with the subscription has been here, and is gone. */
async function openAndClose(stores: Stores): Promise<void> {
  await using _ = await openWithSubscription({}, stores);
}

async function seek({ deps }: SubscriptionsFixture, target: SeekSubscriptionRequest["target"]): Promise<void> {
  await seekSubscription({ name: NAME, target }, contextOf(), deps);
}

describe("SeekSubscription", () => {
  it("voids what is in flight, and goes on from the target with the consumers that are there", async () => {
    await using fixture = await openWithSubscription();
    await publish(fixture, "a", "b", "c");
    await using consumer = await attach(fixture);
    const [a, b, c] = await consumer.take(3);
    if (a === undefined || b === undefined || c === undefined) throw new Error("no deliveries");
    consumer.ack(a, b);
    await consumer.answers(2);
    await seek(fixture, { $case: "sequence", value: 2 });
    consumer.ack(c);
    expect(await consumer.answers(1)).toEqual({ acked: [], expired: [c.ackId] });
    expect((await consumer.take(2)).map(described)).toEqual(["b#1", "c#1"]);
    expect(await statsOf(fixture)).toMatchObject({ acknowledgedSequence: 1, inFlight: 2, backlog: 2 });
  });

  it("forgets what was to be tried again, also what waits for its key", async () => {
    await using fixture = await openWithSubscription({ orderedByKey: true });
    await using consumer = await attach(fixture);
    await publish(fixture, "a", "b");
    const [a] = await consumer.take(2);
    if (a !== undefined) consumer.nack(a, { delay: { seconds: 5, nanos: 0 } });
    await consumer.answers(1);
    await seek(fixture, { $case: "position", value: StartPosition.END });
    fixture.clock.advance(600_000);
    await publish(fixture, "c");
    expect(described(await consumer.takeOne())).toBe("c#1");
    await settled();
    expect(consumer.waiting).toBe(0);
  });

  it("drops what is being read for the old position", async () => {
    const log = new HeldLog();
    const stores = newStores({ log });
    await openAndClose(stores);
    await publish(stores, "a", "b", "c");
    await using fixture = await openFixture(stores);
    const reading = log.holdNext();
    await using consumer = await attach(fixture);
    const goOn = await reading;
    await seek(fixture, { $case: "sequence", value: 3 });
    goOn();
    expect(described(await consumer.takeOne())).toBe("c#1");
    await settled();
    expect(consumer.seen).toEqual(["c#1"]);
  });

  it("is durable, with or without consumers", async () => {
    const stores = newStores();
    {
      await using fixture = await openWithSubscription({}, stores);
      await publish(fixture, "a", "b", "c");
      await seek(fixture, { $case: "sequence", value: 3 });
    }
    await using fixture = await openFixture(stores);
    await using consumer = await attach(fixture);
    expect(described(await consumer.takeOne())).toBe("c#1");
  });

  it("goes to a token, a time, the beginning or the end", async () => {
    await using fixture = await openWithSubscription();
    await publish(fixture, "a");
    fixture.clock.advance(1000);
    await publish(fixture, "b");
    const at = async (target: SeekSubscriptionRequest["target"]): Promise<number> => {
      await seek(fixture, target);
      return (await statsOf(fixture)).acknowledgedSequence;
    };
    const time = { seconds: Math.floor(fixture.clock.now() / 1000), nanos: 0 };
    expect(await at({ $case: "resumeToken", value: fixture.deps.positions.tokenAfter(2) })).toBe(2);
    expect(await at({ $case: "position", value: StartPosition.BEGINNING })).toBe(0);
    expect(await at({ $case: "position", value: StartPosition.END })).toBe(2);
    expect(await at({ $case: "time", value: time })).toBe(1);
    expect(await at({ $case: "sequence", value: 3 })).toBe(2);
  });

  it("refuses what is no position, and changes nothing", async () => {
    await using fixture = await openWithSubscription();
    await publish(fixture, "a");
    await expect(seek(fixture, undefined)).rejects.toMatchObject({ reason: "INVALID_FIELD" });
    await expect(seek(fixture, { $case: "sequence", value: 0 })).rejects.toMatchObject({ reason: "INVALID_FIELD" });
    await expect(seek(fixture, { $case: "sequence", value: 3 })).rejects.toMatchObject({ reason: "FUTURE_POSITION" });
    await expect(seek(fixture, { $case: "resumeToken", value: "x" })).rejects.toMatchObject({
      reason: "INVALID_CURSOR",
    });
    expect(await statsOf(fixture)).toMatchObject({ acknowledgedSequence: 0, backlog: 1 });
    await expect(
      seekSubscription({ name: "t", target: { $case: "sequence", value: 1 } }, contextOf(), fixture.deps),
    ).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
  });

  it("leaves parked events parked, even those that come again", async () => {
    await using fixture = await openWithSubscription();
    await publish(fixture, "a");
    await using consumer = await attach(fixture);
    consumer.nack(await consumer.takeOne(), { action: NackAction.PARK });
    await consumer.answers(1);
    await seek(fixture, { $case: "position", value: StartPosition.BEGINNING });
    consumer.ack(await consumer.takeOne());
    await consumer.answers(1);
    expect(await statsOf(fixture)).toMatchObject({ parked: 1, backlog: 0 });
  });
});
