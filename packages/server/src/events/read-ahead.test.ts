import { describe, expect, it } from "@jest/globals";

import type { EventLog, ReadOptions } from "../ports/event-log.js";

import { append, openFeedFixture } from "./feed-fixture.test.support.js";
import { ReadAhead } from "./read-ahead.js";
import { SelectionReader } from "./selection-reader.js";

const EVERYTHING = { types: [], streams: [] };
const PAIRS = { maxEvents: 2, maxBytes: 1_000_000, readsAhead: true };

async function openReadAhead(events: number, read?: (options: ReadOptions) => ReturnType<EventLog["read"]>) {
  const fixture = await openFeedFixture();
  for (let n = 0; n < events; n += 1) await append(fixture.log, "s", { type: "t" });
  const asked: number[] = [];
  const reader = new SelectionReader(
    EVERYTHING,
    {
      read(options) {
        asked.push(options.after);
        return read?.(options) ?? fixture.log.read(options);
      },
    },
    fixture.positions,
  );
  return {
    asked,
    ahead: new ReadAhead(reader, () => events),
    [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose](),
  };
}

describe("reading ahead", () => {
  it("reads the next run when one was given out, and gives out each event once", async () => {
    await using fixture = await openReadAhead(5);
    const { ahead, asked } = fixture;
    const first = await ahead.read(0, PAIRS);
    expect(asked).toEqual([0, 2]);
    const second = await ahead.read(first.scannedTo, PAIRS);
    const third = await ahead.read(second.scannedTo, PAIRS);
    const sequences = [first, second, third].map(({ events }) => events.map(({ log }) => log.sequence));
    expect(sequences).toEqual([[1, 2], [3, 4], [5]]);
    expect(asked).toEqual([0, 2, 4]);
    expect(third.exhausted).toBe(true);
  });

  it("holds nothing for who goes on elsewhere", async () => {
    await using fixture = await openReadAhead(5);
    await fixture.ahead.read(0, PAIRS);
    fixture.ahead.forget();
    await fixture.ahead.read(2, { ...PAIRS, readsAhead: false });
    expect(fixture.asked).toEqual([0, 2, 2]);
  });

  it("reads nothing ahead for who does not want that", async () => {
    await using fixture = await openReadAhead(5);
    await fixture.ahead.read(0, { ...PAIRS, readsAhead: false });
    expect(fixture.asked).toEqual([0]);
  });

  it.each([
    ["elsewhere", 3, PAIRS, [4, 5]],
    ["with other limits", 2, { ...PAIRS, maxEvents: 1 }, [3]],
  ])("does not use what was read when the reader goes on %s", async (_, after, limits, expected) => {
    await using fixture = await openReadAhead(5);
    await fixture.ahead.read(0, PAIRS);
    const { events } = await fixture.ahead.read(after, limits);
    expect(events.map(({ log }) => log.sequence)).toEqual(expected);
  });

  it("tells whoever asks for a run that reading it failed, and reads it again when asked again", async () => {
    const failures = [new Error("unreadable")];
    await using source = await openFeedFixture();
    for (let n = 0; n < 4; n += 1) await append(source.log, "s", { type: "t" });
    await using fixture = await openReadAhead(4, async (options) => {
      const failure = options.after === 2 ? failures.pop() : undefined;
      if (failure !== undefined) throw failure;
      return source.log.read(options);
    });
    await fixture.ahead.read(0, PAIRS);
    await expect(fixture.ahead.read(2, PAIRS)).rejects.toThrow("unreadable");
    expect((await fixture.ahead.read(2, PAIRS)).events.map(({ log }) => log.sequence)).toEqual([3, 4]);
  });
});
