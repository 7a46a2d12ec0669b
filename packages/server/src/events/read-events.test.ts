import { describe, expect, it } from "@jest/globals";
import { type PartialMessage, ReadEventsRequest, ReadEventsResponse, StartPosition } from "@millrace/shared-types";

import type { EventsDeps } from "./events-deps.js";
import { logWith } from "./events-fixture.test.support.js";
import { append } from "./feed-fixture.test.support.js";
import { readEvents } from "./read-events.js";
import { fixtureWith, outlineOfBatches, TestStream } from "./watch-fixture.test.support.js";

function reading(deps: EventsDeps, request: PartialMessage<ReadEventsRequest>): TestStream<ReadEventsResponse> {
  return new TestStream(ReadEventsResponse, (context) =>
    readEvents(ReadEventsRequest.fromPartial(request), context, deps),
  );
}

async function outlined(deps: EventsDeps, request: PartialMessage<ReadEventsRequest>): Promise<(number[] | string)[]> {
  await using stream = reading(deps, request);
  return outlineOfBatches(await stream.rest());
}

const END = { $case: "startPosition", value: StartPosition.END } as const;
const BEGINNING = { $case: "startPosition", value: StartPosition.BEGINNING } as const;
const at = (value: number) => ({ $case: "startSequence", value }) as const;

describe("ReadEvents", () => {
  it("reads from the beginning to the end, or from the end to the beginning, in batches", async () => {
    await using fixture = await fixtureWith(5);
    const { events } = fixture;
    expect(await outlined(events, { maxBatchEvents: 2 })).toEqual([[1, 2], [3, 4], [5]]);
    expect(await outlined(events, { maxBatchEvents: 2, backwards: true })).toEqual([[5, 4], [3, 2], [1]]);
  });

  it.each([
    [{ start: at(3) }, [3, 4, 5], [3, 2, 1]],
    [{ start: at(6) }, [], [5, 4, 3, 2, 1]],
    [{ start: at(1) }, [1, 2, 3, 4, 5], [1]],
    [{ start: END }, [], [5, 4, 3, 2, 1]],
    [{ start: BEGINNING }, [1, 2, 3, 4, 5], []],
    [{ untilSequence: 3 }, [1, 2, 3], [5, 4, 3]],
    [{ untilSequence: 9 }, [1, 2, 3, 4, 5], []],
    [{ limit: 2 }, [1, 2], [5, 4]],
    [{ start: at(2), untilSequence: 4, limit: 2 }, [2, 3], []],
    [{ eventTypes: ["none"] }, [], []],
    [{ heartbeatInterval: { seconds: 1, nanos: 0 }, limit: 1 }, [1], [5]],
  ])("reads the part %j both ways", async (watch, forwards, backwards) => {
    await using fixture = await fixtureWith(5);
    expect((await outlined(fixture.events, { watch })).flat()).toEqual(forwards);
    expect((await outlined(fixture.events, { watch, backwards: true })).flat()).toEqual(backwards);
  });

  it.each([false, true])(
    "goes on at the token of a batch, also inside of a publication (backwards: %s)",
    async (backwards) => {
      await using fixture = await fixtureWith(3);
      await append(fixture.log, "s", {}, {}, {}, {});
      const all: number[] = [];
      let watch: PartialMessage<ReadEventsRequest>["watch"] = { limit: 2 };
      for (let page = 0; page < 4; page += 1) {
        await using stream = reading(fixture.events, { watch, backwards });
        for (const { batch } of await stream.rest()) {
          all.push(...(batch?.events ?? []).map(({ sequence }) => sequence));
          watch = { limit: 2, start: { $case: "resumeToken", value: batch?.resumeToken ?? "" } };
        }
      }
      expect(all).toEqual(backwards ? [7, 6, 5, 4, 3, 2, 1] : [1, 2, 3, 4, 5, 6, 7]);
    },
  );

  it("reads what a filter lets pass, however rare, both ways", async () => {
    await using fixture = await fixtureWith(0);
    for (let i = 0; i < 3000; i += 1) await append(fixture.log, "s", { type: i % 1000 === 7 ? "rare" : "t" });
    const watch = { filter: 'event.type == "rare"' };
    expect((await outlined(fixture.events, { watch })).flat()).toEqual([8, 1008, 2008]);
    expect((await outlined(fixture.events, { watch, backwards: true })).flat()).toEqual([2008, 1008, 8]);
    const common = { filter: 'event.type == "t"' };
    const all = (await outlined(fixture.events, { watch: common, backwards: true, maxBatchEvents: 7 })).flat();
    expect(all).toHaveLength(2997);
    expect(all).toEqual(all.toSorted((a, b) => Number(b) - Number(a)));
  });

  it("reads the state of all keys, if that is wanted", async () => {
    await using fixture = await fixtureWith(1);
    for (const [key, tombstone] of [["a"], ["b"], ["a"], ["c"], ["c", true]] as const) {
      await append(fixture.log, "s", { key, tombstone: tombstone === true });
    }
    expect(await outlined(fixture.events, { watch: { sendInitialState: true } })).toEqual([[3, 4]]);
    await using stream = reading(fixture.events, { watch: { sendInitialState: true }, backwards: true });
    await expect(stream.next()).rejects.toMatchObject({ reason: "INVALID_FIELD" });
  });

  it("reads what retention has left, and says so if a position is no longer there", async () => {
    await using fixture = await fixtureWith(6);
    await fixture.log.trim({ maxEvents: 3 });
    expect(await outlined(fixture.events, {})).toEqual([[4, 5, 6]]);
    expect(await outlined(fixture.events, { backwards: true })).toEqual([[6, 5, 4]]);
    expect(await outlined(fixture.events, { backwards: true, watch: { untilSequence: 2 } })).toEqual([[6, 5, 4]]);
    await using stream = reading(fixture.events, { watch: { start: at(2) } });
    await expect(stream.next()).rejects.toMatchObject({ reason: "COMPACTED", metadata: { first_sequence: "4" } });
  });

  it("that retention overtakes is ended forwards, and ends where the log begins backwards", async () => {
    await using fixture = await fixtureWith(6);
    const log = logWith(fixture.log, {
      read: async (options) => {
        const result = await fixture.log.read(options);
        await fixture.log.trim({ maxEvents: 2 });
        return result;
      },
    });
    await using backwards = reading({ ...fixture.events, log }, { backwards: true, maxBatchEvents: 1 });
    expect(outlineOfBatches(await backwards.rest())).toEqual([[6], [5]]);
    await using other = await fixtureWith(6);
    const trimming = logWith(other.log, {
      read: async (options) => {
        const result = await other.log.read(options);
        await other.log.trim({ maxEvents: 2 });
        return result;
      },
    });
    await using forwards = reading({ ...other.events, log: trimming }, { maxBatchEvents: 1 });
    expect(outlineOfBatches(await forwards.take(1))).toEqual([[1]]);
    await expect(forwards.next()).rejects.toMatchObject({ reason: "COMPACTED" });
  });

  it("tells where to go on when the server ends it", async () => {
    await using fixture = await fixtureWith(6);
    await using stream = reading(fixture.events, { maxBatchEvents: 2 });
    await stream.take(2);
    const resumed = (): number => fixture.events.positions.sequenceOf(stream.call.resumePosition() ?? "");
    expect(resumed()).toBe(2);
    await stream.take(1);
    expect(resumed()).toBe(4);
    expect(await stream.next()).toBeUndefined();
    expect(resumed()).toBe(6);
  });

  it("ends where the log ended when it began, though more comes meanwhile", async () => {
    await using fixture = await fixtureWith(2);
    await using stream = reading(fixture.events, { maxBatchEvents: 1 });
    await stream.take(1);
    await append(fixture.log, "s", {});
    expect(outlineOfBatches(await stream.rest())).toEqual([[2]]);
  });
});
