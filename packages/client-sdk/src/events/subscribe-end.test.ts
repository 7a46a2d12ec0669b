import { describe, expect, it } from "@jest/globals";

import { eventually } from "../testing/eventually.js";
import { VirtualClock } from "../testing/virtual-clock.js";
import { within } from "../testing/within.js";
import { openEvents } from "./open-events.test.support.js";
import { consumerOf, Gates, turns } from "./play-consumer.test.support.js";

describe("the end of a subscription", () => {
  it("waits for what runs and for its acknowledgements, and starts nothing more", async () => {
    await using opened = openEvents();
    const gates = new Gates();
    const subscription = opened.events.subscribe("s", gates.handler, { concurrency: 1 });
    const consumer = await consumerOf(opened);
    consumer.deliver("a", [1, 2]);
    await eventually(() => expect(gates.begun).toEqual([1]));
    let isClosed = false;
    const closing = subscription.close().then(() => (isClosed = true));
    consumer.deliver("a", [3]);
    await turns();
    expect(isClosed).toBe(false);
    gates.open(1);
    await consumer.halfClosed.promise;
    expect(consumer.acked).toEqual(["a1"]);
    await turns();
    expect(isClosed).toBe(false);
    consumer.result(["a1"]);
    consumer.end();
    await within(closing, "the end");
    expect(gates.begun).toEqual([1]);
    expect(subscription.stats.acknowledged).toBe(1);
    expect(await subscription.closed).toEqual({ type: "completed" });
    await eventually(() => expect(opened.transport.liveCalls).toBe(0));
  });

  it("goes on over another stream while handlers run", async () => {
    await using opened = openEvents();
    const gates = new Gates();
    const subscription = opened.events.subscribe("s", gates.handler);
    (await consumerOf(opened)).deliver("a", [1]);
    await eventually(() => expect(gates.begun).toEqual([1]));
    const closing = subscription.close();
    opened.faults.cut();
    const second = await consumerOf(opened, 1);
    second.deliver("b", [1, 2]);
    await turns();
    gates.open(1);
    await second.halfClosed.promise;
    expect(second.acked).toEqual(["b1"]);
    second.end();
    await within(closing, "the end");
    expect(gates.begun).toEqual([1]);
  });

  it("does not wait for ever for the last answers", async () => {
    const clock = new VirtualClock();
    await using opened = openEvents({}, clock);
    const subscription = opened.events.subscribe("s", () => {}, { heartbeatMs: 0 });
    const consumer = await consumerOf(opened);
    consumer.deliver("a", [1]);
    await eventually(() => expect(consumer.acked).toEqual(["a1"]));
    const closing = subscription.close();
    await consumer.halfClosed.promise;
    await clock.advance(10_000);
    await within(closing, "the end");
    expect(clock.pending).toBe(0);
  });

  it("comes at once if there is no stream", async () => {
    await using opened = openEvents({ refuse: true });
    const subscription = opened.events.subscribe("s", () => {}, { resume: { backoff: { initialMs: 60_000 } } });
    await within(subscription.close(), "the end");
    expect(await subscription.closed).toEqual({ type: "completed" });
  });

  it("comes at once by `cancel`, and tells those that run", async () => {
    await using opened = openEvents();
    const gates = new Gates();
    const subscription = opened.events.subscribe("s", gates.handler);
    (await consumerOf(opened)).deliver("a", [1]);
    await eventually(() => expect(gates.begun).toEqual([1]));
    subscription.cancel();
    expect(await subscription.closed).toEqual({ type: "cancelled" });
    expect(gates.deliveries[0]?.signal.aborted).toBe(true);
    await eventually(() => expect(opened.transport.liveCalls).toBe(0));
    gates.open(1);
  });

  it("comes with an error by the signal", async () => {
    await using opened = openEvents();
    const caller = new AbortController();
    const subscription = opened.events.subscribe("s", () => {}, { signal: caller.signal });
    await subscription.ready;
    caller.abort();
    expect(await subscription.closed).toMatchObject({ type: "failed", error: { name: "AbortError" } });
  });
});
