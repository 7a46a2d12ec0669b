import { setImmediate } from "node:timers/promises";

import { describe, expect, it } from "@jest/globals";
import { EventServiceDefinition, methodPath, ServiceError } from "@millrace/shared-types";

import { eventually } from "../testing/eventually.js";
import { randomFaults } from "../testing/fault-plan.js";
import { VirtualClock } from "../testing/virtual-clock.js";
import { within } from "../testing/within.js";
import { openEvents, upTo } from "./open-events.test.support.js";

const PUBLISH_STREAM = methodPath(EventServiceDefinition, EventServiceDefinition.methods.publishStream);

const KIB = 1024;

const numbersOf = (log: readonly { readonly type: string }[]): readonly number[] => log.map(({ type }) => Number(type));

describe("a publisher", () => {
  it("stores events in order over one stream, and tells where each is", async () => {
    await using opened = openEvents();
    await using publisher = opened.events.publisher({ stream: "s" });
    const published = await Promise.all(upTo(50).map((n) => publisher.publish({ type: String(n) })));
    expect(published.map(({ sequence }) => sequence)).toEqual(upTo(50));
    expect(numbersOf(opened.server.log)).toEqual(upTo(50));
    expect(opened.server.log[0]?.stream).toBe("s");
    expect(opened.faults.started).toBe(1);
    expect(publisher).toMatchObject({ pendingBytes: 0, pendingEvents: 0 });
  });

  it("puts small events that wait into one request, of one stream and not too large", async () => {
    await using opened = openEvents();
    await using publisher = opened.events.publisher({ maxRequestEvents: 10 });
    for (const n of upTo(25)) void publisher.publish({ type: String(n) });
    for (const n of upTo(2)) void publisher.publish({ type: String(n), stream: "other" });
    for (const n of upTo(3)) void publisher.publish({ type: String(n), payload: new Uint8Array(600 * KIB) });
    await publisher.flush();
    expect(opened.server.publishes.map(({ events }) => events.length)).toEqual([10, 10, 5, 2, 1, 1, 1]);
  });

  it("has so many requests on their way and no more", async () => {
    await using opened = openEvents();
    await using publisher = opened.events.publisher({ maxRequestsInFlight: 2, maxRequestEvents: 1 });
    opened.faults.stall();
    for (const n of upTo(5)) void publisher.publish({ type: String(n) });
    for (let turn = 0; turn < 20; turn++) await setImmediate();
    expect(opened.server.publishes.length).toBeLessThanOrEqual(2);
    opened.faults.resume();
    await publisher.flush();
    expect(numbersOf(opened.server.log)).toEqual(upTo(5));
  });

  it("sends again, in order, what was not acknowledged, wherever its stream is cut", async () => {
    for (let messages = 0; messages <= 12; messages++) {
      let left = 1;
      await using opened = openEvents(({ path }) =>
        path === PUBLISH_STREAM && left-- > 0 ? { cutAfter: { messages } } : undefined,
      );
      await using publisher = opened.events.publisher({ maxRequestEvents: 3 });
      const published = Promise.all(upTo(20).map((n) => publisher.publish({ type: String(n) })));
      expect((await within(published, "all acknowledgements")).map(({ sequence }) => sequence)).toEqual(upTo(20));
      expect(numbersOf(opened.server.log)).toEqual(upTo(20));
    }
  });

  it("stores each event once and in order under random faults", async () => {
    const seed = Date.now() % 1_000_000;
    for (let round = 0; round < 20; round++) {
      await using opened = openEvents(randomFaults(seed + round, { probability: 0.7, maxMessages: 10 }));
      await using publisher = opened.events.publisher({ maxRequestEvents: 2 });
      for (const n of upTo(40)) {
        await publisher.ready();
        void publisher.publish({ type: String(n) });
        if (n % 10 === 0) await setImmediate();
      }
      await within(publisher.flush(), `seed ${String(seed + round)}`);
      expect({ seed: seed + round, log: numbersOf(opened.server.log) }).toEqual({ seed: seed + round, log: upTo(40) });
    }
  });

  it("goes on after a drain and a restart of the server", async () => {
    await using opened = openEvents();
    await using publisher = opened.events.publisher();
    await publisher.publish({ type: "1" });
    await opened.transport.drain();
    const second = publisher.publish({ type: "2" });
    await setImmediate();
    opened.transport.restart();
    expect(await second).toMatchObject({ sequence: 2 });
  });

  it("does not miss a stream that is lost while nothing is pending", async () => {
    await using opened = openEvents();
    const policy = { resume: false } as const;
    await using publisher = opened.events.publisher(policy);
    await publisher.publish({ type: "1" });
    opened.faults.cut();
    await eventually(() => expect(opened.transport.liveCalls).toBe(0));
    await publisher.publish({ type: "2" });
    expect(numbersOf(opened.server.log)).toEqual([1, 2]);
  });

  it("rejects only what the server refuses, and tries alone what was refused with others", async () => {
    await using opened = openEvents();
    opened.server.refusal = ({ events }) =>
      events.some(({ type }) => type === "3") ? new ServiceError("IDEMPOTENCY_CONFLICT", "known") : undefined;
    const publisher = opened.events.publisher();
    const outcomes = await Promise.allSettled(upTo(5).map((n) => publisher.publish({ type: String(n) })));
    expect(outcomes.map(({ status }) => status)).toEqual([
      "fulfilled",
      "fulfilled",
      "rejected",
      "fulfilled",
      "fulfilled",
    ]);
    expect(outcomes[2]).toMatchObject({ reason: { kind: "aborted", reason: "IDEMPOTENCY_CONFLICT" } });
    expect(numbersOf(opened.server.log)).toEqual([1, 2, 4, 5]);
    await expect(publisher.close()).rejects.toMatchObject({ reason: "IDEMPOTENCY_CONFLICT" });
    await publisher.close();
  });

  it("tries again what the server cannot store just now, in order", async () => {
    await using opened = openEvents();
    let failures = 2;
    opened.server.refusal = ({ events }) =>
      events.some(({ type }) => type === "2") && failures-- > 0
        ? new ServiceError("BACKEND_UNAVAILABLE", "later", { retryAfterMs: 0 })
        : undefined;
    await using publisher = opened.events.publisher({ maxRequestEvents: 1, maxRequestsInFlight: 1 });
    await Promise.all(upTo(4).map((n) => publisher.publish({ type: String(n) })));
    expect(numbersOf(opened.server.log)).toEqual(upTo(4));
  });

  it("says when there is room, and refuses what is far too much", async () => {
    await using opened = openEvents();
    const publisher = opened.events.publisher({ maxPendingBytes: 100 * KIB });
    opened.faults.stall();
    const payload = new Uint8Array(60 * KIB);
    void publisher.publish({ type: "1", payload });
    await publisher.ready();
    void publisher.publish({ type: "2", payload });
    void publisher.publish({ type: "3", payload });
    let hasRoom = false;
    const ready = publisher.ready().then(() => (hasRoom = true));
    await expect(publisher.publish({ type: "4", payload })).rejects.toMatchObject({ kind: "resource-exhausted" });
    await setImmediate();
    expect(hasRoom).toBe(false);
    opened.faults.resume();
    await ready;
    await expect(publisher.close()).rejects.toMatchObject({ kind: "resource-exhausted" });
    expect(numbersOf(opened.server.log)).toEqual(upTo(3));
  });

  it("rejects a message that is larger than the client may send, and goes on", async () => {
    await using opened = openEvents();
    const publisher = opened.events.publisher();
    const large = publisher.publish({ type: "1", payload: new Uint8Array(5 * KIB * KIB) });
    const small = publisher.publish({ type: "2" });
    await expect(large).rejects.toMatchObject({ kind: "message-too-large" });
    await small;
    await expect(publisher.flush()).rejects.toMatchObject({ kind: "message-too-large" });
    await publisher.close();
  });

  it("gives up for all when its policy says so, and takes nothing more", async () => {
    await using opened = openEvents({ refuse: true });
    const publisher = opened.events.publisher({ resume: { maxAttempts: 2 } });
    const outcomes = await Promise.allSettled(upTo(3).map((n) => publisher.publish({ type: String(n) })));
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    await expect(publisher.publish({ type: "4" })).rejects.toMatchObject({ kind: "unavailable" });
    await publisher.ready();
    await expect(publisher.flush()).rejects.toMatchObject({ kind: "unavailable" });
  });

  it("fails as cancelled when the signal aborts", async () => {
    await using opened = openEvents();
    const caller = new AbortController();
    const publisher = opened.events.publisher({ signal: caller.signal });
    await publisher.publish({ type: "1" });
    opened.faults.stall();
    const second = publisher.publish({ type: "2" });
    caller.abort();
    await expect(second).rejects.toMatchObject({ name: "AbortError" });
    await expect(publisher.close()).rejects.toMatchObject({ name: "AbortError" });
  });

  it("takes silence for a lost connection, but only while something is on its way", async () => {
    const clock = new VirtualClock();
    await using opened = openEvents({}, clock);
    await using publisher = opened.events.publisher();
    await publisher.publish({ type: "1" });
    opened.faults.stall();
    const second = publisher.publish({ type: "2" });
    await clock.untilPending(1);
    await clock.advance(29_999);
    opened.faults.resume();
    await second;
    // Nothing is on its way: the stream is given up and not missed.
    await clock.advance(30_000);
    await eventually(() => expect(opened.transport.liveCalls).toBe(0));
    expect(clock.pending).toBe(0);
    opened.faults.stall();
    const third = publisher.publish({ type: "3" });
    await clock.untilPending(1);
    await clock.advance(30_000);
    opened.faults.resume();
    await clock.untilPending(1);
    await clock.advance(0);
    expect(await within(third, "the third event")).toMatchObject({ sequence: 3 });
  });

  it("takes nothing more once it is closed, and leaves nothing behind", async () => {
    await using opened = openEvents();
    const publisher = opened.events.publisher();
    const first = publisher.publish({ type: "1" });
    await publisher.close();
    await first;
    await expect(publisher.publish({ type: "2" })).rejects.toMatchObject({ kind: "failed-precondition" });
    await eventually(() => expect(opened.transport.liveCalls).toBe(0));
    expect(opened.server.log).toHaveLength(1);
  });

  it("refuses what is no event at once", async () => {
    await using opened = openEvents();
    await using publisher = opened.events.publisher();
    expect(() => publisher.publish({ typ: "a" } as never)).toThrow("did you mean type?");
    expect(() => opened.events.publisher({ maxPendingByte: 3 } as never)).toThrow("did you mean maxPendingBytes?");
  });
});
