import { setImmediate as turn } from "node:timers/promises";

import { describe, expect, it } from "@jest/globals";
import {
  createTokenSigner,
  type Event,
  type ServiceError,
  SlowConsumerPolicy,
  StartPosition,
  WatchRequest,
} from "@millrace/shared-types";

import { SharedMessages } from "../rpc/shared-messages.js";

import { openEventsFixture, streamCall } from "./events-fixture.test.support.js";
import { append } from "./feed-fixture.test.support.js";
import { watchEvents } from "./watch-events.js";
import { begun, fixtureWith, outline, watching } from "./watch-fixture.test.support.js";

const BEGINNING = { $case: "startPosition", value: StartPosition.BEGINNING } as const;

describe("WatchEvents for a client that asks for nothing more", () => {
  it("delivers what is published after the headers were sent, and nothing earlier", async () => {
    await using fixture = await fixtureWith(3);
    await using stream = watching(fixture.events);
    const { first } = await begun(stream);
    await append(fixture.log, "s", { id: "new", payload: Buffer.from("hello") });
    const event = await first;
    expect(event).toMatchObject({ id: "new", type: "t", sequence: 4, stream: "s", streamRevision: 4 });
    expect(Buffer.from(event?.payload ?? []).toString()).toBe("hello");
    expect(event?.timestamp).toEqual(event?.publishTime);
    expect(event?.previousPayload).toBeUndefined();
  });

  it("delivers only the types that were asked for, and never a control", async () => {
    await using fixture = await fixtureWith(0);
    await using stream = watching(fixture.events, { eventTypes: ["order.*", "user.created"] });
    const { first } = await begun(stream);
    for (const type of ["user.deleted", "order.paid", "orders", "user.created"])
      await append(fixture.log, "s", { type });
    fixture.clock.advance(3_600_000);
    expect([(await first)?.type, (await stream.next())?.type]).toEqual(["order.paid", "user.created"]);
  });

  it("gives all who keep up the same messages, which are laid out for the wire once", async () => {
    await using fixture = await fixtureWith(1);
    const calls = [streamCall(), streamCall(), streamCall()];
    const streams = calls.map(({ context }) => {
      const stream = watchEvents(WatchRequest.fromPartial({}), context, fixture.events);
      return stream[Symbol.asyncIterator]();
    });
    const begun = streams.map((stream) => stream.next());
    await turn();
    await append(fixture.log, "s", {}, {});
    const [first, ...others] = (await Promise.all(begun)).map(({ value }) => value as unknown);
    expect(first).toBeInstanceOf(SharedMessages);
    expect((first as SharedMessages).messages).toHaveLength(2);
    for (const other of others) expect(other).toBe(first);
    for (const { abort } of calls) abort(new Error("the test is over"));
  });

  it("tells where to resume when the server ends the stream: after the last event that was sent", async () => {
    await using fixture = await fixtureWith(5);
    await using stream = watching(fixture.events, { start: BEGINNING });
    const [, second] = await stream.take(2);
    const resumed = (): number => fixture.events.positions.sequenceOf(stream.call.resumePosition() ?? "");
    expect(resumed()).toBeLessThanOrEqual(second?.sequence ?? 0);
    await stream.take(3);
    const waiting = stream.next();
    waiting.catch(() => {});
    await turn();
    await append(fixture.log, "$other", {});
    expect(resumed()).toBe(6);
    stream.call.abort(new Error("drained"));
    await expect(waiting).rejects.toThrow("drained");
  });

  it("leaves no timer, no listener and no reader behind, however it ends", async () => {
    await using fixture = await fixtureWith(1);
    await turn(); // the upkeep of retention sets its timer
    const { timers } = fixture.clock;
    for (const request of [{}, { controls: true, heartbeatInterval: { seconds: 5, nanos: 0 } }]) {
      const stream = watching(fixture.events, request);
      const { first } = await begun(stream);
      if (request.controls === true) await first;
      await stream[Symbol.asyncDispose]();
      expect(fixture.clock.timers).toBe(timers);
    }
  });
});

describe("a watch begins", () => {
  it.each([
    ["after a token", (tokens: string[]) => ({ $case: "resumeToken", value: tokens[1] ?? "" }) as const, [3, 4]],
    ["at a sequence", () => ({ $case: "startSequence", value: 3 }) as const, [3, 4]],
    ["at the sequence that comes next", () => ({ $case: "startSequence", value: 5 }) as const, []],
    ["at the beginning", () => BEGINNING, [1, 2, 3, 4]],
    ["at the end", () => ({ $case: "startPosition", value: StartPosition.END }) as const, []],
    [
      "nowhere in particular: at the end",
      () => ({ $case: "startPosition", value: StartPosition.UNSPECIFIED }) as const,
      [],
    ],
  ])("%s", async (_, start, expected) => {
    await using fixture = await fixtureWith(4);
    const tokens = [1, 2, 3, 4].map((sequence) => fixture.events.positions.tokenAfter(sequence));
    await using stream = watching(fixture.events, { start: start(tokens) });
    const { first } = await begun(stream);
    await append(fixture.log, "s", {});
    const rest = await stream.take(expected.length);
    expect(outline([(await first) as Event, ...rest])).toEqual([...expected, 5]);
  });

  it("at the first event that was stored at a time or later", async () => {
    await using fixture = await fixtureWith(2);
    fixture.clock.advance(1000);
    const seconds = fixture.clock.now() / 1000;
    await append(fixture.log, "s", {});
    await using stream = watching(fixture.events, { start: { $case: "startTime", value: { seconds, nanos: 0 } } });
    expect((await stream.next())?.sequence).toBe(3);
    await using soon = watching(fixture.events, {
      start: { $case: "startTime", value: { seconds: seconds + 59, nanos: 0 } },
    });
    const { first } = await begun(soon);
    await append(fixture.log, "s", {});
    expect((await first)?.sequence).toBe(4);
  });

  it("says in the headers where it began", async () => {
    await using fixture = await fixtureWith(4);
    await using stream = watching(fixture.events);
    const { first } = await begun(stream);
    const token = (await stream.headers)["millrace-resume-token"] as string;
    await append(fixture.log, "s", {});
    await first;
    await using resumed = watching(fixture.events, { start: { $case: "resumeToken", value: token } });
    expect((await resumed.next())?.sequence).toBe(5);
  });

  it("with the rest of a publication after the token of one of its events", async () => {
    await using fixture = await fixtureWith(0);
    await append(fixture.log, "s", {}, {}, {});
    const value = fixture.events.positions.tokenAfter(1);
    await using stream = watching(fixture.events, { start: { $case: "resumeToken", value }, limit: 2 });
    expect(outline(await stream.rest())).toEqual([2, 3]);
  });
});

describe("a watch is refused", () => {
  const many = Array.from({ length: 129 }, (_, index) => `t${String(index)}`);
  const seconds = Date.UTC(2026, 0, 1) / 1000;
  const endless = { seconds: 1, nanos: -1 };
  it.each([
    [{ eventTypes: ["a*b"] }, "INVALID_FIELD", "event_types"],
    [{ eventTypes: ["**"] }, "INVALID_FIELD", "event_types"],
    [{ eventTypes: [""] }, "INVALID_FIELD", "event_types"],
    [{ eventTypes: ["a\nb"] }, "INVALID_FIELD", "event_types"],
    [{ eventTypes: many }, "LIMIT_EXCEEDED", "event_types"],
    [{ eventTypes: ["x".repeat(256)] }, "LIMIT_EXCEEDED", "event_types"],
    [{ streams: ["$chat/general"] }, "INVALID_FIELD", "streams"],
    [{ streams: ["$*"] }, "INVALID_FIELD", "streams"],
    [{ filter: "event.type ==" }, "INVALID_FILTER", undefined],
    [{ start: { $case: "startSequence", value: 0 } as const }, "INVALID_FIELD", "start_sequence"],
    [{ start: { $case: "startPosition", value: 7 as StartPosition } as const }, "INVALID_FIELD", "start_position"],
    [{ start: { $case: "startTime", value: { seconds: 1e12, nanos: 0 } } as const }, "INVALID_FIELD", "start_time"],
    [{ start: { $case: "resumeToken", value: "x" } as const }, "INVALID_CURSOR", undefined],
    [{ start: { $case: "startSequence", value: 6 } as const }, "FUTURE_POSITION", undefined],
    [
      { start: { $case: "startTime", value: { seconds: seconds + 61, nanos: 0 } } as const },
      "FUTURE_POSITION",
      undefined,
    ],
    [{ heartbeatInterval: { seconds: 5, nanos: 0 } }, "INVALID_FIELD", "heartbeat_interval"],
    [{ controls: true, heartbeatInterval: { seconds: -5, nanos: 0 } }, "INVALID_FIELD", "heartbeat_interval"],
    [{ controls: true, heartbeatInterval: endless }, "INVALID_FIELD", "heartbeat_interval"],
    [{ slowConsumerPolicy: SlowConsumerPolicy.DROP_OLDEST }, "INVALID_FIELD", "slow_consumer_policy"],
    [{ slowConsumerPolicy: SlowConsumerPolicy.COALESCE }, "INVALID_FIELD", "slow_consumer_policy"],
    [{ slowConsumerPolicy: 9 as SlowConsumerPolicy }, "INVALID_FIELD", "slow_consumer_policy"],
    [{ limit: -1 }, "INVALID_FIELD", "limit"],
    [{ untilSequence: -1 }, "INVALID_FIELD", "until_sequence"],
    [{ sendInitialState: true, start: BEGINNING }, "INVALID_FIELD", "send_initial_state"],
  ])("if it says %j", async (request, reason, field) => {
    await using fixture = await fixtureWith(4);
    await using stream = watching(fixture.events, request);
    const error: unknown = await stream.next().catch((failure: unknown) => failure);
    expect(error).toMatchObject({ reason });
    if (field !== undefined) expect((error as ServiceError).fieldViolations).toMatchObject([{ field }]);
  });

  it("at a position that retention has removed, and told where the log begins", async () => {
    await using fixture = await fixtureWith(5);
    await fixture.log.trim({ maxEvents: 2 });
    await using stream = watching(fixture.events, { start: { $case: "startSequence", value: 3 } });
    const error = (await stream.next().catch((failure: unknown) => failure)) as ServiceError;
    expect(error).toMatchObject({ reason: "COMPACTED", metadata: { first_sequence: "4" } });
    const value = error.metadata["resume_token"] ?? "";
    await using oldest = watching(fixture.events, { start: { $case: "resumeToken", value }, limit: 2 });
    expect(outline(await oldest.rest())).toEqual([4, 5]);
  });

  it("with the last sequence, after a token of the future", async () => {
    await using fixture = await fixtureWith(2);
    const value = fixture.events.positions.tokenAfter(3);
    await using stream = watching(fixture.events, { start: { $case: "resumeToken", value } });
    await expect(stream.next()).rejects.toMatchObject({ reason: "FUTURE_POSITION", metadata: { last_sequence: "2" } });
  });

  it("after a token of an earlier log", async () => {
    await using old = await fixtureWith(1);
    await using fixture = await fixtureWith(1);
    const value = old.events.positions.tokenAfter(1);
    await using stream = watching(fixture.events, { start: { $case: "resumeToken", value } });
    await expect(stream.next()).rejects.toMatchObject({
      reason: "EPOCH_CHANGED",
      metadata: { epoch: fixture.log.epoch },
    });
  });

  it("after a token that somebody else has signed", async () => {
    await using fixture = await fixtureWith(1);
    await using other = await openEventsFixture({
      eventLog: fixture.log,
      tokenSigner: createTokenSigner(Buffer.alloc(32, 2)),
    });
    const value = other.events.positions.tokenAfter(1);
    await using stream = watching(fixture.events, { start: { $case: "resumeToken", value } });
    await expect(stream.next()).rejects.toMatchObject({ reason: "INVALID_CURSOR" });
  });
});

describe("a watch selects", () => {
  it("streams by name and by prefix; * means all but those of the server", async () => {
    await using fixture = await fixtureWith(0);
    for (const stream of ["a", "orders/1", "orders/2", "$chat/1", "ordersx"]) await append(fixture.log, stream, {});
    const streamsOf = async (streams: string[], limit: number): Promise<(string | undefined)[]> => {
      await using stream = watching(fixture.events, { streams, start: BEGINNING, limit });
      return (await stream.rest()).map((event) => event.stream);
    };
    expect(await streamsOf(["orders/*"], 2)).toEqual(["orders/1", "orders/2"]);
    expect(await streamsOf(["*"], 4)).toEqual(["a", "orders/1", "orders/2", "ordersx"]);
    expect(await streamsOf(["a", "orders*"], 4)).toEqual(["a", "orders/1", "orders/2", "ordersx"]);
  });

  it("by a filter over the event and its JSON payload", async () => {
    await using fixture = await fixtureWith(0);
    const json = (total: number): Buffer => Buffer.from(JSON.stringify({ total }));
    for (const total of [5, 15, 25]) {
      await append(fixture.log, "s", { payload: json(total), contentType: "application/json" });
    }
    await using stream = watching(fixture.events, { filter: "payload.total > 10.0", start: BEGINNING });
    expect(outline(await stream.take(2))).toEqual([2, 3]);
  });
});

describe("a watch ends", () => {
  it("with its limit, in the middle of a publication if need be", async () => {
    await using fixture = await fixtureWith(1);
    await append(fixture.log, "s", {}, {}, {});
    await using stream = watching(fixture.events, { start: BEGINNING, limit: 3 });
    expect(outline(await stream.rest())).toEqual([1, 2, 3]);
  });

  it("after a sequence that is there, also in the middle of a publication", async () => {
    await using fixture = await fixtureWith(1);
    await append(fixture.log, "s", {}, {}, {});
    await using stream = watching(fixture.events, { start: BEGINNING, untilSequence: 3 });
    expect(outline(await stream.rest())).toEqual([1, 2, 3]);
    await using past = watching(fixture.events, { untilSequence: 2 });
    expect(await past.rest()).toEqual([]);
  });

  it("after a sequence that comes later, even if that event is not selected", async () => {
    await using fixture = await fixtureWith(0);
    await using stream = watching(fixture.events, { eventTypes: ["rare"], untilSequence: 3 });
    const { first } = await begun(stream);
    await append(fixture.log, "s", { type: "rare" });
    expect((await first)?.sequence).toBe(1);
    const end = stream.next();
    await append(fixture.log, "s", {});
    await append(fixture.log, "s", {});
    expect(await end).toBeUndefined();
  });
});

describe("a watch sends", () => {
  it("no payload if that is not wanted", async () => {
    await using fixture = await fixtureWith(0);
    await append(fixture.log, "s", { payload: Buffer.from("secret"), source: "/x" });
    await using stream = watching(fixture.events, { start: BEGINNING, omitPayload: true });
    const event = await stream.next();
    expect(event).toMatchObject({ sequence: 1, source: "/x" });
    expect(event?.payload).toHaveLength(0);
  });

  it("the payload of the previous event of the same key, if that is wanted and there is one", async () => {
    await using fixture = await fixtureWith(0);
    const events = [
      { key: "k", payload: Buffer.from("one") },
      { payload: Buffer.from("no key") },
      { key: "k" },
      { key: "k", payload: Buffer.from("three") },
      ...Array.from({ length: 20 }, (_, index) => ({ key: "n", payload: Buffer.from([index]) })),
    ];
    for (const event of events) await append(fixture.log, "s", event);
    await append(fixture.log, "other", { key: "k" });
    await using stream = watching(fixture.events, { start: BEGINNING, includePreviousPayload: true, limit: 25 });
    const previous = (await stream.rest()).map(({ previousPayload }) => previousPayload && [...previousPayload]);
    const [one, empty] = [[...Buffer.from("one")], []];
    const ofN = Array.from({ length: 19 }, (_, index) => [index]);
    expect(previous).toEqual([undefined, undefined, one, empty, undefined, ...ofN, undefined]);
  });

  it("the newest event of every live key first, if that is wanted, then what changes", async () => {
    await using fixture = await fixtureWith(0);
    const put = (key: string, payload: string): Promise<unknown> =>
      append(fixture.log, "s", { key, payload: Buffer.from(payload) });
    await put("a", "1");
    await put("b", "1");
    await append(fixture.log, "s", { key: "gone" }, { key: "gone", tombstone: true }, {});
    await put("a", "2");
    await using stream = watching(fixture.events, { sendInitialState: true, controls: true });
    expect(outline(await stream.take(3))).toEqual([2, 6, "caughtUp"]);
    await put("b", "2");
    await append(fixture.log, "s", { key: "a", tombstone: true });
    expect(outline(await stream.take(2))).toEqual([7, 8]);
  });

  it("the state after what retention has left of it, and goes on with the changes when it is resumed", async () => {
    await using fixture = await fixtureWith(0);
    for (const key of ["a", "b", "c", "a", "b"]) await append(fixture.log, "s", { key });
    await fixture.log.trim({ maxEvents: 3 });
    await using stream = watching(fixture.events, { sendInitialState: true });
    const [first] = await stream.take(1);
    expect(first?.sequence).toBe(3);
    const start = { $case: "resumeToken", value: first?.resumeToken ?? "" } as const;
    await append(fixture.log, "s", { key: "c", tombstone: true });
    await using resumed = watching(fixture.events, { sendInitialState: true, start, limit: 3 });
    expect(outline(await resumed.rest())).toEqual([4, 5, 6]);
  });
});

describe("a watch that waits", () => {
  it("is ended when the domain is closed", async () => {
    const fixture = await openEventsFixture();
    await using stream = watching(fixture.events);
    const { first } = await begun(stream);
    await Promise.all([expect(first).rejects.toMatchObject({ reason: "DRAINING" }), fixture[Symbol.asyncDispose]()]);
  });
});
