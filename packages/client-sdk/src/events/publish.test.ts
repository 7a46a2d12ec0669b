import { describe, expect, it } from "@jest/globals";
import { EventServiceDefinition, methodPath, ServiceError } from "@millrace/shared-types";

import { randomFaults } from "../testing/fault-plan.js";
import { VirtualClock } from "../testing/virtual-clock.js";
import { within } from "../testing/within.js";
import { openEvents } from "./open-events.test.support.js";

const PUBLISH = methodPath(EventServiceDefinition, EventServiceDefinition.methods.publish);

/** Loses the answers of the first `count` publications. */
const dropAcks = (count: number) => {
  let left = count;
  return ({ path }: { readonly path: string }) => (path === PUBLISH && left-- > 0 ? { dropAck: true } : undefined);
};

describe("publish", () => {
  it("tells where the event is", async () => {
    await using opened = openEvents();
    const published = await opened.events.publish({ type: "a", payload: "x", id: "mine" });
    expect(published).toEqual({ id: "mine", sequence: 1, streamRevision: 1, duplicate: false, resumeToken: "t1" });
    expect(await opened.events.publish({ type: "a", payload: "x", id: "mine" })).toMatchObject({
      sequence: 1,
      duplicate: true,
    });
  });

  it("stores several events together, in the stream of the options", async () => {
    await using opened = openEvents();
    const events = [{ type: "a" }, { type: "b" }];
    const published = await opened.events.publish(events, { stream: "s", expectedRevision: 0 });
    expect(published.map(({ streamRevision }) => streamRevision)).toEqual([1, 2]);
    expect(published.map(({ resumeToken }) => resumeToken)).toEqual(["t2", "t2"]);
    expect(opened.server.publishes).toHaveLength(1);
    expect(opened.server.log.map(({ stream, type }) => [stream, type])).toEqual([
      ["s", "a"],
      ["s", "b"],
    ]);
  });

  it("stores one event however often the answer is lost", async () => {
    await using opened = openEvents(dropAcks(4));
    expect(await opened.events.publish({ type: "a" })).toMatchObject({ sequence: 1, duplicate: true });
    expect(opened.server.publishes).toHaveLength(5);
    expect(opened.server.log).toHaveLength(1);
    expect(new Set(opened.server.publishes.map(({ events }) => events[0]?.id)).size).toBe(1);
  });

  it("succeeds with an expected revision though the answer is lost", async () => {
    await using opened = openEvents(dropAcks(2));
    expect(await opened.events.publish({ type: "a" }, { expectedRevision: 0 })).toMatchObject({ streamRevision: 1 });
    await expect(opened.events.publish({ type: "b" }, { expectedRevision: 0 })).rejects.toMatchObject({
      kind: "aborted",
      reason: "REVISION_MISMATCH",
    });
    expect(opened.server.log).toHaveLength(1);
  });

  it("stores each event once under random faults", async () => {
    const seed = Date.now() % 1_000_000;
    await using opened = openEvents(randomFaults(seed, { probability: 0.7, maxMessages: 3 }));
    const publishing = Promise.all(Array.from({ length: 40 }, (_, n) => opened.events.publish({ type: String(n) })));
    const published = await within(publishing, `seed ${String(seed)}`);
    expect({ seed, stored: opened.server.log.length }).toEqual({ seed, stored: 40 });
    expect(new Set(published.map(({ sequence }) => sequence)).size).toBe(40);
  });

  it("does not repeat what the server refuses", async () => {
    await using opened = openEvents();
    opened.server.refusal = () => new ServiceError("LIMIT_EXCEEDED", "too large");
    await expect(opened.events.publish({ type: "a" })).rejects.toMatchObject({ reason: "LIMIT_EXCEEDED" });
    expect(opened.server.publishes).toHaveLength(1);
  });

  it("gives up after timeoutMs, all attempts together", async () => {
    const clock = new VirtualClock();
    await using opened = openEvents({ refuse: true }, clock);
    const publishing = opened.events.publish({ type: "a" }, { timeoutMs: 5000 }).catch((error: unknown) => error);
    await clock.advance(5000);
    expect(await publishing).toMatchObject({ kind: "deadline-exceeded" });
    expect(clock.pending).toBe(0);
  });

  it("fails as cancelled when the signal aborts", async () => {
    await using opened = openEvents({ stallAfter: { messages: 0 } });
    const caller = new AbortController();
    const publishing = opened.events.publish({ type: "a" }, { signal: caller.signal });
    caller.abort();
    await expect(publishing).rejects.toMatchObject({ name: "AbortError" });
  });

  it("sends bytes, text and JSON as they are", async () => {
    await using opened = openEvents();
    await opened.events.publish([
      { type: "a", payload: Uint8Array.of(0, 255) },
      { type: "a", payload: "grüß" },
      { type: "a", json: null },
      { type: "a", json: [1], contentType: "application/cloudevents+json" },
      { type: "a", tombstone: true, key: "k" },
    ]);
    const stored = opened.server.log.map(({ payload, contentType }) => [
      Buffer.from(payload).toString("hex"),
      contentType,
    ]);
    expect(stored).toEqual([
      ["00ff", ""],
      [Buffer.from("grüß").toString("hex"), ""],
      [Buffer.from("null").toString("hex"), "application/json"],
      [Buffer.from("[1]").toString("hex"), "application/cloudevents+json"],
      ["", ""],
    ]);
  });

  it.each([
    [{ type: "a", playload: "x" }, "did you mean payload?"],
    [{ payload: "x" }, "'type' is missing"],
    [{ type: "a", payload: "x", json: 1 }, "not both"],
    [{ type: "a", payload: { n: 1 } }, "use json"],
    [{ type: "a", json: () => 1 }, "not a JSON value"],
    [{ type: "a", json: undefined }, "json is undefined, not a JSON value"],
    [{ type: "a", id: "one\ud83d" }, "'id' is no Unicode"],
    [{ type: "a", key: 7 }, "'key' is no text"],
    [{ type: "a", attributes: { total: 12 } }, 'attribute "total" is no text'],
    [[], "no event"],
    [[{ type: "a" }, { type: "a", stream: "s" }], 'events of the streams "default" and "s"'],
  ])("refuses %j", async (event, message) => {
    await using opened = openEvents();
    await expect(opened.events.publish(event as never)).rejects.toThrow(message);
    expect(opened.server.publishes).toHaveLength(0);
  });

  it("refuses a timestamp that is none and options that it does not know", async () => {
    await using opened = openEvents();
    await expect(opened.events.publish({ type: "a", timestamp: new Date(Number.NaN) })).rejects.toThrow(RangeError);
    await expect(opened.events.publish({ type: "a" }, { expectedVersion: 1 } as never)).rejects.toThrow(
      "did you mean expectedRevision?",
    );
  });
});
