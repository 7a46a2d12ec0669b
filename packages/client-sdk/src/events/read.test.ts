import { describe, expect, it } from "@jest/globals";
import { EventServiceDefinition, methodPath } from "@millrace/shared-types";

import { randomFaults } from "../testing/fault-plan.js";
import { within } from "../testing/within.js";
import { tokenAfter } from "./fake-event-server.test.support.js";
import { openEvents, sequencesOf, upTo } from "./open-events.test.support.js";
import type { WatchedEvent } from "./types.js";

const READ = methodPath(EventServiceDefinition, EventServiceDefinition.methods.readEvents);

async function all(events: AsyncIterable<WatchedEvent>): Promise<readonly number[]> {
  const found: WatchedEvent[] = [];
  for await (const event of events) found.push(event);
  return sequencesOf(found);
}

const cutFirst = (messages: number) => {
  let left = 1;
  return ({ path }: { readonly path: string }) =>
    path === READ && left-- > 0 ? { cutAfter: { messages } } : undefined;
};

describe("a read", () => {
  it.each([
    [{}, [1, 2, 3, 4, 5, 6, 7]],
    [{ from: { sequence: 3 }, until: 5 }, [3, 4, 5]],
    [{ from: "t4" }, [5, 6, 7]],
    [{ limit: 2 }, [1, 2]],
    [{ backwards: true }, [7, 6, 5, 4, 3, 2, 1]],
    [{ backwards: true, limit: 3 }, [7, 6, 5]],
    [{ backwards: true, until: 6 }, [7, 6]],
    [{ types: ["other"] }, []],
  ])("gives what was asked for and ends: %j", async (options, sequences) => {
    await using opened = openEvents();
    opened.server.fill(7);
    const reading = opened.events.read(options);
    expect(await all(reading)).toEqual(sequences);
    expect(await reading.closed).toEqual({ type: "completed" });
  });

  it.each([false, true])("gives each event once, wherever it is cut (backwards: %s)", async (backwards) => {
    const expected = backwards ? upTo(8).toReversed() : upTo(8);
    for (let messages = 0; messages <= 6; messages++) {
      await using opened = openEvents(cutFirst(messages));
      opened.server.fill(8);
      expect(await all(opened.events.read({ backwards }))).toEqual(expected);
      expect(await all(opened.events.read({ backwards, limit: 5 }))).toEqual(expected.slice(0, 5));
    }
  });

  it("gives each event once under random faults", async () => {
    const seed = Date.now() % 1_000_000;
    for (let round = 0; round < 20; round++) {
      await using opened = openEvents(randomFaults(seed + round, { probability: 0.8, maxMessages: 8 }));
      opened.server.fill(20);
      const limit = 17;
      const backwards = round % 2 === 1;
      const found = await within(all(opened.events.read({ backwards, limit })), `seed ${String(seed + round)}`);
      const expected = (backwards ? upTo(20).toReversed() : upTo(20)).slice(0, limit);
      expect({ seed: seed + round, found }).toEqual({ seed: seed + round, found: expected });
    }
  });

  it("has a position that a watch can go on from", async () => {
    await using opened = openEvents();
    opened.server.fill(4);
    const reading = opened.events.read();
    await all(reading);
    expect(reading.position).toBe(tokenAfter(4));
  });

  it("asks for no controls", async () => {
    await using opened = openEvents();
    await all(opened.events.read({ omitPayload: true, streams: ["a"], filter: "true" }));
    expect(opened.server.reads[0]?.watch).toMatchObject({ controls: false, omitPayload: true, filter: "true" });
  });

  it("refuses options that it does not know", async () => {
    await using opened = openEvents();
    expect(() => opened.events.read({ backward: true } as never)).toThrow("did you mean backwards?");
    expect(() => opened.events.read({ limit: 0 })).toThrow(RangeError);
    expect(() => opened.events.read({ from: { after: 3 } as never })).toThrow("is no start");
  });
});
