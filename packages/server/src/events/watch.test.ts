import { describe, expect, it } from "@jest/globals";
import { type Event, GapReason, SlowConsumerPolicy, StartPosition, type StreamControl } from "@millrace/shared-types";

import { DRAIN_NOTICE_MS } from "../rpc/call-context.js";

import type { EventsFixture } from "./events-fixture.test.support.js";
import { append } from "./feed-fixture.test.support.js";
import { begun, fixtureWith, outline, type TestStream, watching } from "./watch-fixture.test.support.js";

const BEGINNING = { $case: "startPosition", value: StartPosition.BEGINNING } as const;
const SMALL_TAIL = { tailBytes: 12_000 };

/** What a message says about the stream. */
function said<Case extends string>(message: Event | undefined, $case: Case) {
  const kind = message?.control?.kind;
  if (kind?.$case !== $case) throw new Error(`${$case} expected, not ${String(kind?.$case)}`);
  return kind.value as Extract<NonNullable<StreamControl["kind"]>, { $case: Case }>["value"];
}

/** A watch that is live, and then stalls while more is appended than memory holds. */
async function stalled(
  fixture: EventsFixture,
  slowConsumerPolicy: SlowConsumerPolicy,
  { controls = true, keys = 0 } = {},
): Promise<TestStream<Event>> {
  const stream = watching(fixture.events, { controls, slowConsumerPolicy });
  const { first } = await begun(stream);
  if (controls) expect(outline([(await first) as Event])).toEqual(["caughtUp"]);
  await append(fixture.log, "s", { key: "first" });
  expect(outline([(await (controls ? stream.next() : first)) as Event])).toEqual([1]);
  for (let i = 0; i < 100; i += 1) await append(fixture.log, "s", { key: keys === 0 ? "" : `k${String(i % keys)}` });
  return stream;
}

describe("a watch with controls", () => {
  it("says when all that existed has been sent, once", async () => {
    await using fixture = await fixtureWith(300);
    await using stream = watching(fixture.events, { controls: true, start: BEGINNING });
    const messages = await stream.take(301);
    expect(outline(messages).at(-1)).toBe("caughtUp");
    const { sequence, resumeToken, serverTime } = said(messages.at(-1), "caughtUp");
    expect(sequence).toBe(300);
    expect(fixture.events.positions.sequenceOf(resumeToken)).toBe(300);
    expect(serverTime?.seconds).toBe(fixture.clock.now() / 1000);
    await append(fixture.log, "s", {});
    await append(fixture.log, "s", {});
    expect(outline(await stream.take(2))).toEqual([301, 302]);
  });

  it("says so at once if it begins at the end", async () => {
    await using fixture = await fixtureWith(2);
    await using stream = watching(fixture.events, { controls: true });
    expect(said(await stream.next(), "caughtUp").sequence).toBe(2);
  });

  it("sends a heartbeat after each interval of silence, with the position that it has reached", async () => {
    await using fixture = await fixtureWith(1);
    const heartbeatInterval = { seconds: 0, nanos: 1 };
    await using stream = watching(fixture.events, { controls: true, heartbeatInterval, eventTypes: ["rare"] });
    await stream.next();
    const heartbeat = async (): Promise<number> => {
      const next = stream.next();
      await append(fixture.log, "s", {});
      fixture.clock.advance(1000);
      const { sequence, resumeToken, interval } = said(await next, "heartbeat");
      expect(fixture.events.positions.sequenceOf(resumeToken)).toBe(sequence);
      expect(interval).toEqual({ seconds: 1, nanos: 0 });
      return sequence;
    };
    expect([await heartbeat(), await heartbeat()]).toEqual([2, 3]);
    fixture.clock.advance(999);
    await append(fixture.log, "s", { type: "rare" });
    expect(outline(await stream.take(1))).toEqual([4]);
    const next = stream.next();
    fixture.clock.advance(999);
    await append(fixture.log, "s", { type: "rare" });
    expect((await next)?.sequence).toBe(5);
  });

  it("sends heartbeats during a long search in which nothing is found", async () => {
    const onRead = (): void => fixture.clock.advance(1100);
    await using fixture = await fixtureWith(3000, { ...SMALL_TAIL, onRead });
    const request = { controls: true, heartbeatInterval: { seconds: 1, nanos: 0 }, start: BEGINNING };
    await using stream = watching(fixture.events, { ...request, filter: 'event.type == "none"' });
    const sequences: number[] = [];
    let message = await stream.next();
    for (; message?.control?.kind?.$case === "heartbeat"; message = await stream.next())
      sequences.push(message.control.kind.value.sequence);
    expect(sequences.length).toBeGreaterThanOrEqual(2);
    expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
    expect(said(message, "caughtUp").sequence).toBe(3000);
  });

  it("announces a drain with the position, at once, and goes on until it is ended", async () => {
    await using fixture = await fixtureWith(1);
    await using stream = watching(fixture.events, { controls: true });
    await stream.next();
    const next = stream.next();
    stream.call.drain();
    const { grace, resumeToken } = said(await next, "draining");
    expect(grace).toEqual({ seconds: 0, nanos: DRAIN_NOTICE_MS * 1e6 });
    expect(fixture.events.positions.sequenceOf(resumeToken)).toBe(1);
    await append(fixture.log, "s", {});
    expect(outline(await stream.take(1))).toEqual([2]);
  });

  it("that was opened while the server drains is told so too", async () => {
    await using fixture = await fixtureWith(1);
    await using stream = watching(fixture.events, { controls: true });
    stream.call.drain();
    expect(outline(await stream.take(2))).toEqual(["draining", "caughtUp"]);
  });
});

describe("a watch that is slower than the log", () => {
  it("catches up from storage and misses nothing; with controls it says so", async () => {
    await using fixture = await fixtureWith(0, SMALL_TAIL);
    await using stream = await stalled(fixture, SlowConsumerPolicy.UNSPECIFIED);
    const messages = await stream.take(102);
    expect(said(messages[0], "fellBehind")).toEqual({ sequence: 1, lastSequence: 101 });
    expect(outline(messages.slice(1, -1))).toEqual(Array.from({ length: 100 }, (_, index) => index + 2));
    expect(said(messages.at(-1), "caughtUp").sequence).toBe(101);
  });

  it("catches up without a word if no controls were asked for", async () => {
    await using fixture = await fixtureWith(0, SMALL_TAIL);
    await using stream = await stalled(fixture, SlowConsumerPolicy.CATCH_UP, { controls: false });
    expect(outline(await stream.take(100))).toEqual(Array.from({ length: 100 }, (_, index) => index + 2));
  });

  it("is ended with the position to resume from, if it wants that", async () => {
    await using fixture = await fixtureWith(0, SMALL_TAIL);
    await using stream = await stalled(fixture, SlowConsumerPolicy.DISCONNECT, { controls: false });
    const error: unknown = await stream.next().catch((failure: unknown) => failure);
    const { positions } = fixture.events;
    expect(error).toMatchObject({ reason: "SLOW_CONSUMER", metadata: { resume_token: positions.tokenAfter(1) } });
  });

  it("goes on with what is in memory and says what it left out, if it wants that", async () => {
    await using fixture = await fixtureWith(0, SMALL_TAIL);
    await using stream = await stalled(fixture, SlowConsumerPolicy.DROP_OLDEST);
    const gap = said(await stream.next(), "gap");
    expect(gap).toMatchObject({ fromSequence: 2, reason: GapReason.SLOW_CONSUMER });
    expect(gap.droppedCount).toBe(gap.toSequence - 1);
    const rest = await stream.take(101 - gap.toSequence);
    expect(outline(rest)).toEqual(Array.from(rest, (_, index) => gap.toSequence + 1 + index));
    await append(fixture.log, "s", {});
    expect(outline(await stream.take(1))).toEqual([102]);
  });

  it("gets the newest event of each key and how many it did not get, if it wants that", async () => {
    await using fixture = await fixtureWith(0, SMALL_TAIL);
    await using stream = await stalled(fixture, SlowConsumerPolicy.COALESCE, { keys: 3 });
    const messages = await stream.take(6);
    expect(outline(messages)).toEqual(["fellBehind", "gap", 99, 100, 101, "caughtUp"]);
    expect(said(messages[1], "gap")).toEqual({
      fromSequence: 2,
      toSequence: 98,
      droppedCount: 97,
      reason: GapReason.COALESCED,
    });
  });

  it("keeps tombstones and events without a key when it coalesces", async () => {
    await using fixture = await fixtureWith(0, SMALL_TAIL);
    await using stream = await stalled(fixture, SlowConsumerPolicy.COALESCE, { keys: 1 });
    await append(fixture.log, "s", {}, { key: "k0", tombstone: true });
    await append(fixture.log, "s2", { key: "k0" });
    expect(outline(await stream.take(6))).toEqual(["fellBehind", "gap", 102, 103, 104, "caughtUp"]);
  });

  it("says what retention has removed before it was read, if it may leave out events", async () => {
    await using fixture = await fixtureWith(0, SMALL_TAIL);
    await using stream = await stalled(fixture, SlowConsumerPolicy.COALESCE);
    await fixture.log.trim({ maxEvents: 50 });
    const messages = await stream.take(53);
    expect(outline(messages.slice(0, 3))).toEqual(["fellBehind", "gap", 52]);
    expect(said(messages[1], "gap")).toMatchObject({ fromSequence: 2, toSequence: 51, reason: GapReason.COMPACTED });
    expect(outline(messages.slice(-2))).toEqual([101, "caughtUp"]);
  });

  it("gets what it has read already when retention overtakes it while it coalesces", async () => {
    let reads = 0;
    const onRead = async (): Promise<void> => {
      reads += 1;
      if (reads === 2) await fixture.log.trim({ maxEvents: 50 });
    };
    await using fixture = await fixtureWith(0, { ...SMALL_TAIL, onRead });
    await using stream = await stalled(fixture, SlowConsumerPolicy.COALESCE, { keys: 1 });
    for (let i = 0; i < 300; i += 1) await append(fixture.log, "s", { key: "k0" });
    const messages = await stream.take(7);
    expect(outline(messages)).toEqual(["fellBehind", "gap", 257, "gap", "gap", 401, "caughtUp"]);
  });

  it("is ended with COMPACTED when retention has overtaken it, and never skips silently", async () => {
    await using fixture = await fixtureWith(0, SMALL_TAIL);
    await using stream = await stalled(fixture, SlowConsumerPolicy.CATCH_UP, { controls: false });
    await fixture.log.trim({ maxEvents: 50 });
    const { positions } = fixture.events;
    await expect(stream.next()).rejects.toMatchObject({
      reason: "COMPACTED",
      metadata: { first_sequence: "52", resume_token: positions.tokenAfter(51) },
    });
  });

  it("is told what was left out also if that is all that it wanted", async () => {
    await using fixture = await fixtureWith(0, SMALL_TAIL);
    const slowConsumerPolicy = SlowConsumerPolicy.DROP_OLDEST;
    await using stream = watching(fixture.events, { controls: true, slowConsumerPolicy, untilSequence: 20 });
    await stream.next();
    const next = stream.next();
    await append(fixture.log, "s", {});
    expect((await next)?.sequence).toBe(1);
    for (let i = 0; i < 100; i += 1) await append(fixture.log, "s", {});
    expect(outline(await stream.rest())).toEqual(["gap"]);
  });
});

describe("one of 100 watches of one selection that stalls", () => {
  it("reads from storage later and costs the others nothing", async () => {
    let reads = 0;
    await using fixture = await fixtureWith(0, { ...SMALL_TAIL, onRead: () => (reads += 1) });
    const streams = Array.from({ length: 100 }, () => watching(fixture.events));
    const firsts = await Promise.all(streams.map(begun));
    await append(fixture.log, "s", {});
    await Promise.all(firsts.map(({ first }) => first));
    for (let round = 0; round < 30; round += 1) {
      const next = streams.slice(1).map((stream) => stream.next());
      await append(fixture.log, "s", {});
      expect(new Set((await Promise.all(next)).map((event) => event?.sequence))).toEqual(new Set([round + 2]));
    }
    expect(reads).toBe(0);
    expect(outline((await streams[0]?.take(30)) ?? [])).toEqual(Array.from({ length: 30 }, (_, index) => index + 2));
    expect(reads).toBeGreaterThan(0);
    await Promise.all(streams.map((stream) => stream[Symbol.asyncDispose]()));
  });
});
