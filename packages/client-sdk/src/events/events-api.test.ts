import { describe, expect, it } from "@jest/globals";

import { openEvents } from "./open-events.test.support.js";

const NO_START = "'from' is no start: use 'beginning', 'end', a token, { sequence } or { since: Date }";

describe("the events API", () => {
  it("describes the log", async () => {
    await using opened = openEvents();
    opened.server.fill(3);
    const info = await opened.events.info();
    expect(info).toEqual({ epoch: "e1", firstSequence: 1, lastSequence: 3, resumeToken: "t3", stream: undefined });
    const { stream } = await opened.events.info({ stream: "default" });
    expect(stream).toEqual({ name: "default", firstRevision: 1, lastRevision: 3 });
    expect(await opened.events.truncate("default", 2)).toBe(2);
    await expect(opened.events.truncate("default", Number.NaN)).rejects.toThrow("'beforeRevision' is NaN");
  });

  it("makes, describes, lists and deletes subscriptions", async () => {
    await using opened = openEvents();
    const { subscriptions } = opened.events;
    const made = await subscriptions.create({ name: "a", types: ["x"], from: "beginning", ackDeadlineMs: 5000 });
    expect(made).toMatchObject({ name: "a", types: ["x"], ackDeadlineMs: 5000, maxDeliveryAttempts: 10 });
    expect(made).toMatchObject({ inactiveTtlMs: undefined, orderedByKey: false });
    await subscriptions.create({ name: "b", maxDeliveryAttempts: 0, inactiveTtlMs: 1500 });
    expect(await subscriptions.get("b")).toMatchObject({
      maxDeliveryAttempts: 0,
      inactiveTtlMs: 1500,
      stats: { backlog: 7 },
    });
    const names: string[] = [];
    for await (const { name } of subscriptions.list({ pageSize: 1 })) names.push(name);
    expect(names).toEqual(["a", "b"]);
    await subscriptions.delete("a");
    await expect(subscriptions.get("a")).rejects.toMatchObject({ kind: "not-found" });
    await expect(subscriptions.delete("a")).rejects.toMatchObject({ kind: "not-found" });
    await subscriptions.delete("a", { allowMissing: true });
    await expect(subscriptions.create({ name: "b" })).rejects.toMatchObject({ kind: "already-exists" });
  });

  it.each([
    ["t7", { $case: "resumeToken", value: "t7" }],
    [{ sequence: 7 }, { $case: "sequence", value: 7 }],
    [{ since: new Date(7000) }, { $case: "time", value: { seconds: 7, nanos: 0 } }],
    ["end", { $case: "position", value: 2 }],
  ])("moves a subscription to %j", async (to, target) => {
    await using opened = openEvents();
    await opened.events.subscriptions.seek("a", to);
    expect(opened.server.subscriptions.seeks).toEqual([{ name: "a", target }]);
  });

  it("puts parked events back", async () => {
    await using opened = openEvents();
    expect(await opened.events.subscriptions.replayParked("a", { limit: 5 })).toBe(5);
  });

  it("refuses options that it does not know, before it calls", async () => {
    await using opened = openEvents();
    const { events } = opened;
    expect(() => events.watch({ form: "end" } as never)).toThrow("did you mean from?");
    expect(() => events.watch({ heartbeatMs: 10 })).toThrow("1000 to 600000");
    expect(() => events.watch({ limit: 0 })).toThrow(RangeError);
    expect(() => events.watch({ from: "beginning", sendInitialState: true })).toThrow("exclude each other");
    for (const from of [5, null, true, [], {}, { since: 7 }, () => "end"] as never[]) {
      expect(() => events.watch({ from })).toThrow(new TypeError(NO_START));
      expect(() => events.read({ from })).toThrow(new TypeError(NO_START));
      await expect(events.subscriptions.create({ name: "a", from })).rejects.toThrow(new TypeError(NO_START));
      await expect(events.subscriptions.seek("a", from)).rejects.toThrow(NO_START.replace("from", "to"));
    }
    expect(() => events.watch({ from: { sequence: "7" } as never })).toThrow("7 is not a sequence");
    expect(() => events.watch({ resume: { store: new Map() as never } })).toThrow("resume.key");
    expect(() => events.subscribe("a", () => 1, { concurency: 2 } as never)).toThrow("did you mean concurrency?");
    expect(() => events.subscribe({ name: "a", create: { type: "x" } as never }, () => 1)).toThrow("did you mean");
    await expect(events.info({ steam: "a" } as never)).rejects.toThrow("did you mean stream?");
    await expect(events.subscriptions.create({ nam: "a" } as never)).rejects.toThrow("did you mean name?");
    expect(opened.faults.started).toBe(0);
  });

  it("has the service as it is on the wire", async () => {
    await using opened = openEvents();
    expect(await opened.client.raw.eventService.getLogInfo({})).toMatchObject({ epoch: "e1" });
  });
});
