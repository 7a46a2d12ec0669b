import { describe, expect, it } from "@jest/globals";
import { EventBatch, EventServiceDefinition, GapReason, methodPath, ServiceError } from "@millrace/shared-types";

import { eventually } from "../testing/eventually.js";
import { randomFaults } from "../testing/fault-plan.js";
import { VirtualClock } from "../testing/virtual-clock.js";
import { within } from "../testing/within.js";
import { control, tokenAfter } from "./fake-event-server.test.support.js";
import { openEvents, sequencesOf, take, upTo } from "./open-events.test.support.js";
import type { WatchedEvent } from "./types.js";

const WATCH = methodPath(EventServiceDefinition, EventServiceDefinition.methods.watchEventBatches);

/** Cuts the first watch after so many messages, its request included. */
const cutFirst = (messages: number) => {
  let left = 1;
  return ({ path }: { readonly path: string }) =>
    path === WATCH && left-- > 0 ? { cutAfter: { messages } } : undefined;
};

describe("a watch", () => {
  it("gives what is stored and then what is published, with everything an event has", async () => {
    await using opened = openEvents();
    const timestamp = new Date(1_700_000_000_000);
    await opened.events.publish({
      type: "order.created",
      json: { total: 3 },
      id: "a",
      stream: "orders",
      key: "k",
      source: "/shop",
      attributes: { region: "eu" },
      timestamp,
    });
    const watch = opened.events.watch({ from: "beginning" });
    const events = watch[Symbol.asyncIterator]();
    const { value } = await events.next();
    expect(value).toMatchObject({ id: "a", type: "order.created", stream: "orders", key: "k", source: "/shop" });
    expect(value).toMatchObject({ sequence: 1, streamRevision: 1, resumeToken: "t1", tombstone: false, timestamp });
    expect(value).toMatchObject({ attributes: { region: "eu" }, contentType: "application/json" });
    expect(value?.json()).toEqual({ total: 3 });
    const next = events.next();
    await opened.events.publish({ type: "b", payload: "hello" });
    expect((await next).value?.text()).toBe("hello");
    await events.return?.();
    expect(await watch.closed).toEqual({ type: "cancelled" });
  });

  it("gives each event once and in order, wherever its stream is cut", async () => {
    for (let messages = 0; messages <= 9; messages++) {
      await using opened = openEvents(cutFirst(messages));
      opened.server.fill(7);
      const watch = opened.events.watch({ from: "beginning" });
      const reading = take(watch, 10);
      await eventually(() => expect(opened.server.watches.length).toBeGreaterThan(0));
      opened.server.fill(3);
      expect(sequencesOf(await within(reading, `all events, cut after ${String(messages)}`))).toEqual(upTo(10));
    }
  });

  it("gives each event once and in order under random faults", async () => {
    const seed = Date.now() % 1_000_000;
    for (let round = 0; round < 30; round++) {
      await using opened = openEvents(randomFaults(seed + round, { probability: 0.8, maxMessages: 8 }));
      opened.server.fill(20);
      const taken = await within(take(opened.events.watch({ from: "beginning" }), 20), `seed ${String(seed + round)}`);
      expect({ seed: seed + round, sequences: sequencesOf(taken) }).toEqual({
        seed: seed + round,
        sequences: upTo(20),
      });
    }
  });

  it("goes on after a drain and a restart of the server", async () => {
    await using opened = openEvents();
    opened.server.fill(4);
    const seen: number[] = [];
    const watch = opened.events.watch({ from: "beginning" });
    for await (const { sequence } of watch) {
      seen.push(sequence);
      if (sequence === 4) {
        void opened.transport.drain().then(() => {
          opened.server.fill(2);
          opened.transport.restart();
        });
      }
      if (sequence === 6) break;
    }
    expect(seen).toEqual(upTo(6));
    expect(watch.attempts).toBeGreaterThan(1);
  });

  it("ends after its limit, over all attempts", async () => {
    for (let messages = 0; messages <= 6; messages++) {
      await using opened = openEvents(cutFirst(messages));
      opened.server.fill(20);
      const watch = opened.events.watch({ from: "beginning", limit: 7 });
      const taken: WatchedEvent[] = [];
      for await (const event of watch) taken.push(event);
      expect(sequencesOf(taken)).toEqual(upTo(7));
      expect(await watch.closed).toEqual({ type: "completed" });
      expect(watch.position).toBe(tokenAfter(7));
    }
  });

  it("takes the server's end for a failure as long as more is to come", async () => {
    await using opened = openEvents();
    opened.server.fill(5);
    opened.server.endsAfterBatch = true;
    const watch = opened.events.watch({ from: "beginning", limit: 5 });
    expect(sequencesOf(await take(watch, 5))).toEqual(upTo(5));
    expect(watch.attempts).toBe(2);
  });

  it("finds a black hole by the silence, measured while it waits, and goes on over another connection", async () => {
    const clock = new VirtualClock();
    await using opened = openEvents({}, clock);
    opened.server.fill(2);
    const watch = opened.events.watch({ from: "beginning", heartbeatMs: 2000 });
    const events = watch[Symbol.asyncIterator]();
    expect((await events.next()).value?.sequence).toBe(1);
    // A consumer that takes its time is no silence.
    await clock.advance(60_000);
    expect((await events.next()).value?.sequence).toBe(2);
    const next = events.next();
    await clock.untilPending(1);
    opened.faults.stall();
    opened.server.fill(1);
    await clock.advance(4999);
    expect(opened.faults.started).toBe(1);
    await clock.advance(1);
    opened.faults.resume();
    await clock.untilPending(1);
    await clock.advance(0);
    expect((await within(next, "the event after the black hole")).value?.sequence).toBe(3);
    expect(opened.faults.started).toBe(2);
    await events.return?.();
    expect(clock.pending).toBe(0);
  });

  it("asks for heartbeats and controls, and for none if told so", async () => {
    await using opened = openEvents();
    await using usual = opened.events.watch();
    await usual.ready;
    await using quiet = opened.events.watch({ heartbeatMs: 0 });
    await quiet.ready;
    expect(opened.server.watches[0]).toMatchObject({ controls: true, heartbeatInterval: { seconds: 5, nanos: 0 } });
    expect(opened.server.watches[1]).toMatchObject({ controls: true, heartbeatInterval: undefined });
  });

  it("drops what comes once more after it was cut, and nothing else", async () => {
    await using opened = openEvents(cutFirst(2));
    opened.server.fill(6);
    let batches = 0;
    opened.server.tamper = (batch) => {
      if (++batches !== 2) return batch;
      const repeated = opened.server.log.slice(1, 6); // from event 2 on, though 3 were delivered
      return { ...batch, events: repeated, resumeToken: tokenAfter(6) };
    };
    expect(sequencesOf(await take(opened.events.watch({ from: "beginning" }), 6))).toEqual(upTo(6));
  });

  it("fails if the server sends events out of order", async () => {
    await using opened = openEvents();
    opened.server.fill(6);
    opened.server.tamper = (batch) => ({ ...batch, events: batch.events.toReversed() });
    const watch = opened.events.watch({ from: "beginning" });
    await expect(take(watch, 6)).rejects.toMatchObject({ kind: "internal" });
    expect(await watch.closed).toMatchObject({ type: "failed" });
  });

  it("fails with DATA_LOSS if an event of a whole stream is missing", async () => {
    await using opened = openEvents();
    opened.server.fill(6);
    opened.server.tamper = (batch) => ({ ...batch, events: batch.events.filter(({ sequence }) => sequence !== 3) });
    await expect(take(opened.events.watch({ from: "beginning", streams: ["default"] }), 6)).rejects.toMatchObject({
      kind: "data-loss",
      expected: "3",
      actual: "4",
    });
    // With a selection nobody can know.
    const selected = opened.events.watch({ from: "beginning", streams: ["default"], types: ["test"] });
    expect(sequencesOf(await take(selected, 5))).toEqual([1, 2, 4, 5, 6]);
  });

  it("fails with DATA_LOSS if the server says that it left something out", async () => {
    await using opened = openEvents();
    opened.server.fill(1);
    opened.server.tamper = () =>
      EventBatch.fromPartial(
        control({
          $case: "gap",
          value: { fromSequence: 2, toSequence: 9, droppedCount: 8, reason: GapReason.SLOW_CONSUMER },
        }).batch,
      );
    await expect(take(opened.events.watch({ from: "beginning" }), 1)).rejects.toMatchObject({ kind: "data-loss" });
  });

  it("begins with the state, goes on with changes, and does not begin again when it is cut", async () => {
    for (let messages = 0; messages <= 6; messages++) {
      await using opened = openEvents(cutFirst(messages));
      opened.server.batchEvents = 1;
      opened.server.add({ key: "a" }, { key: "b" }, { key: "a" }, { key: "c" }, { key: "b", tombstone: true });
      let caughtUp = 0;
      const watch = opened.events.watch({ sendInitialState: true, onCaughtUp: () => caughtUp++ });
      const seen: number[] = [];
      for await (const { sequence } of watch) {
        seen.push(sequence);
        if (sequence === 4) opened.server.add({ key: "c" });
        if (sequence === 6) break;
      }
      // What was cut in the middle of the state goes on with all changes since.
      expect([
        [3, 4, 6],
        [3, 4, 5, 6],
      ]).toContainEqual(seen);
      expect(opened.server.watches.filter(({ sendInitialState }) => sendInitialState).length).toBeLessThanOrEqual(2);
    }
  });

  it("cancels its call when the consumer leaves, and leaves nothing behind", async () => {
    await using opened = openEvents();
    opened.server.fill(10);
    const watch = opened.events.watch({ from: "beginning" });
    await take(watch, 2);
    await eventually(() => expect(opened.transport.liveCalls).toBe(0));
    expect(await watch.closed).toEqual({ type: "cancelled" });
  });

  it("ends its loop silently when it is cancelled, also while it waits", async () => {
    await using opened = openEvents();
    const watch = opened.events.watch();
    const reading = take(watch, 1);
    await watch.ready;
    watch.cancel();
    expect(await within(reading, "the end of the loop")).toEqual([]);
    expect(await watch.closed).toEqual({ type: "cancelled" });
  });

  it("fails as cancelled when the signal aborts", async () => {
    await using opened = openEvents();
    opened.server.fill(1);
    const caller = new AbortController();
    const watch = opened.events.watch({ from: "beginning", signal: caller.signal });
    const reading = (async () => {
      for await (const _ of watch) caller.abort();
    })();
    await expect(reading).rejects.toMatchObject({ name: "AbortError" });
    expect(await watch.closed).toMatchObject({ type: "failed" });
  });

  it("fails with what its callback throws", async () => {
    await using opened = openEvents();
    const watch = opened.events.watch({
      onCaughtUp: () => {
        throw new Error("not now");
      },
    });
    await expect(take(watch, 1)).rejects.toThrow("not now");
  });

  it("gives up when its policy says so", async () => {
    await using opened = openEvents({ refuse: true });
    const watch = opened.events.watch({ resume: { maxAttempts: 3 } });
    await expect(take(watch, 1)).rejects.toMatchObject({ kind: "unavailable" });
    expect(opened.faults.started).toBe(3);
    await expect(take(opened.events.watch({ resume: false }), 1)).rejects.toMatchObject({ kind: "unavailable" });
    expect(opened.faults.started).toBe(4);
  });

  it("does not try again what cannot get better", async () => {
    await using opened = openEvents();
    opened.server.tamper = () => {
      throw new ServiceError("INVALID_FILTER", "no");
    };
    opened.server.fill(1);
    await expect(take(opened.events.watch({ from: "beginning" }), 1)).rejects.toMatchObject({
      kind: "invalid-argument",
    });
    expect(opened.server.watches).toHaveLength(1);
  });
});
