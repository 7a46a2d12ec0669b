import { setImmediate as turn } from "node:timers/promises";

import { describe, expect, it } from "@jest/globals";
import {
  DEFAULT_BATCH_EVENTS,
  DEFAULT_LIMITS,
  encodeMessage,
  StartPosition,
  WatchEventBatchesResponse,
} from "@millrace/shared-types";

import { append } from "./feed-fixture.test.support.js";
import { begun, fixtureWith, outlineOfBatches, watchingBatches } from "./watch-fixture.test.support.js";

const watch = { start: { $case: "startPosition", value: StartPosition.BEGINNING } } as const;
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe("WatchEventBatches", () => {
  it("sends what is there in batches of the size that was asked for, each with the position after it", async () => {
    await using fixture = await fixtureWith(7);
    await using stream = watchingBatches(fixture.events, { watch, maxBatchEvents: 3 });
    const batches = await stream.take(2);
    expect(outlineOfBatches(batches)).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const { positions } = fixture.events;
    expect(batches.map(({ batch }) => positions.sequenceOf(batch?.resumeToken ?? ""))).toEqual([3, 6]);
  });

  it("holds at most 500 events if nothing is said, and more if that is asked for", async () => {
    await using fixture = await fixtureWith(700);
    await using plain = watchingBatches(fixture.events, { watch });
    expect((await plain.next())?.batch?.events).toHaveLength(DEFAULT_BATCH_EVENTS);
    await using large = watchingBatches(fixture.events, { watch, maxBatchEvents: 600 });
    expect((await large.next())?.batch?.events).toHaveLength(600); // as many as 128 KiB hold
  });

  it("gives readers of different selections what each has selected, though their batches begin and end together", async () => {
    await using fixture = await fixtureWith(0);
    await append(fixture.log, "s", { type: "a" }, { type: "b" }, { type: "c" });
    const maxBatchDelay = { seconds: 0, nanos: 0 };
    const batches: WatchEventBatchesResponse[] = [];
    for (const eventTypes of [["a", "b"], ["a", "c"], ["a", "b"], []]) {
      await using stream = watchingBatches(fixture.events, { watch: { ...watch, eventTypes }, maxBatchDelay });
      batches.push(...(await stream.take(1)));
    }
    expect(outlineOfBatches(batches)).toEqual([
      [1, 2],
      [1, 3],
      [1, 2],
      [1, 2, 3],
    ]);
  });

  it("is refused if it asks for what cannot be", async () => {
    await using fixture = await fixtureWith(0);
    for (const [request, field] of [
      [{ maxBatchEvents: -1 }, "max_batch_events"],
      [{ maxBatchDelay: { seconds: -1, nanos: 0 } }, "max_batch_delay"],
      [{ watch: { limit: -1 } }, "watch.limit"],
    ] as const) {
      await using stream = watchingBatches(fixture.events, request);
      await expect(stream.next()).rejects.toMatchObject({ reason: "INVALID_FIELD", fieldViolations: [{ field }] });
    }
  });

  it("never splits a publication, and keeps every message below its limit", async () => {
    await using fixture = await fixtureWith(0);
    const payload = Buffer.alloc(3 * 1024);
    const sizes = [1000, 1, 400, 600, 3, 999];
    for (const size of sizes) await append(fixture.log, "s", ...Array.from({ length: size }, () => ({ payload })));
    await using stream = watchingBatches(fixture.events, {
      watch: { ...watch, untilSequence: 3003 },
      maxBatchEvents: 10,
    });
    const batches = await stream.rest();
    expect(batches.map(({ batch }) => batch?.events.length)).toEqual(sizes);
    for (const batch of batches) {
      expect(encodeMessage(WatchEventBatchesResponse, batch).length).toBeLessThan(DEFAULT_LIMITS.maxMessageBytes);
    }
  });

  it("splits only a publication that is too large with its previous payloads", async () => {
    await using fixture = await fixtureWith(0);
    const events = Array.from({ length: 4 }, (_, index) => ({ key: String(index), payload: Buffer.alloc(700_000) }));
    await append(fixture.log, "s", ...events);
    await append(fixture.log, "s", ...events);
    await using stream = watchingBatches(fixture.events, {
      watch: { ...watch, includePreviousPayload: true, untilSequence: 8 },
    });
    const batches = await stream.rest();
    expect(outlineOfBatches(batches)).toEqual([
      [1, 2, 3, 4],
      [5, 6],
      [7, 8],
    ]);
    expect(fixture.events.positions.sequenceOf(batches[1]?.batch?.resumeToken ?? "")).toBe(6);
  });

  it("waits a little for more, and sends what has come once the first event has waited for long enough", async () => {
    await using fixture = await fixtureWith(0);
    await using stream = watchingBatches(fixture.events, { maxBatchDelay: { seconds: 0, nanos: 100_000_000 } });
    const { first } = await begun(stream);
    const timers = fixture.clock.timers;
    await append(fixture.log, "s", {});
    await untilTimers(fixture.clock, timers + 1);
    fixture.clock.advance(99);
    await append(fixture.log, "s", {}, {});
    fixture.clock.advance(1);
    expect(outlineOfBatches([await first])).toEqual([upTo(3)]);
    expect(fixture.clock.timers).toBe(timers);
  });

  it("does not wait when a batch is full, when it is behind, or when it was told not to", async () => {
    await using fixture = await fixtureWith(10);
    await using full = watchingBatches(fixture.events, {
      watch,
      maxBatchEvents: 5,
      maxBatchDelay: { seconds: 1, nanos: 0 },
    });
    expect(outlineOfBatches(await full.take(1))).toEqual([upTo(5)]);
    await using hasty = watchingBatches(fixture.events, { watch, maxBatchDelay: { seconds: 0, nanos: 0 } });
    expect(outlineOfBatches(await hasty.take(1))).toEqual([upTo(10)]);
    await using filling = watchingBatches(fixture.events, {
      maxBatchEvents: 2,
      maxBatchDelay: { seconds: 1, nanos: 0 },
    });
    const { first } = await begun(filling);
    await append(fixture.log, "s", {});
    await append(fixture.log, "s", {});
    expect(outlineOfBatches([await first])).toEqual([[11, 12]]);
  });

  it("ends with its limit or its last sequence without waiting", async () => {
    await using fixture = await fixtureWith(3);
    for (const bound of [{ limit: 2 }, { untilSequence: 2 }]) {
      await using stream = watchingBatches(fixture.events, { watch: { ...watch, ...bound } });
      expect(outlineOfBatches(await stream.rest())).toEqual([upTo(2)]);
    }
  });

  it("holds no more events than were asked for when publications of several come while it waits", async () => {
    await using fixture = await fixtureWith(0);
    await using stream = watchingBatches(fixture.events, {
      maxBatchEvents: 3,
      maxBatchDelay: { seconds: 1, nanos: 0 },
    });
    const { first } = await begun(stream);
    await append(fixture.log, "s", {}, {});
    await append(fixture.log, "s", {}, {});
    await append(fixture.log, "s", {}, {}, {}, {});
    expect(outlineOfBatches([await first, ...(await stream.take(2))])).toEqual([
      [1, 2],
      [3, 4],
      [5, 6, 7, 8],
    ]);
  });

  it("sends controls in batches without events", async () => {
    await using fixture = await fixtureWith(2);
    await using stream = watchingBatches(fixture.events, {
      watch: { ...watch, controls: true },
      maxBatchDelay: { seconds: 0, nanos: 0 },
    });
    const responses = await stream.take(2);
    expect(outlineOfBatches(responses)).toEqual([[1, 2], "caughtUp"]);
    expect(fixture.events.positions.sequenceOf(responses[1]?.batch?.resumeToken ?? "")).toBe(2);
  });
});

async function untilTimers(clock: { readonly timers: number }, count: number): Promise<void> {
  while (clock.timers < count) await turn();
}
