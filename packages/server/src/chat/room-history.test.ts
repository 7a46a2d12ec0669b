import { describe, expect, it } from "@jest/globals";
import { ChatMessageKind } from "@millrace/shared-types";

import { MemoryEventLog } from "../adapters/memory/memory-event-log.js";
import { logWith } from "../events/events-fixture.test.support.js";
import type { EventLog } from "../ports/event-log.js";
import { ManualClock } from "../testing/manual-clock.js";

import { eventOfPayload } from "./message-draft.js";
import { RoomHistory } from "./room-history.js";

/** A log with `events` in the stream "$s", each after `between` of another stream; counts reads. */
async function logOf(
  events: number,
  between: (event: number) => number,
): Promise<{ readonly log: EventLog; readonly reads: () => number; readonly sequences: number[] }> {
  const log = new MemoryEventLog();
  const sequences: number[] = [];
  let ids = 0;
  const append = async (stream: string): Promise<number> => {
    ids += 1;
    const result = await log.append({
      stream,
      events: [eventOfPayload(new Uint8Array(1), ChatMessageKind.TEXT, String(ids))],
    });
    return result.events[0]?.sequence ?? 0;
  };
  for (let event = 1; event <= events; event += 1) {
    for (let other = between(event); other > 0; other -= 1) await append("$other");
    sequences.push(await append("$s"));
  }
  let reads = 0;
  const counting = logWith(log, {
    read: (options) => {
      reads += 1;
      return log.read(options);
    },
  });
  return { log: counting, reads: () => reads, sequences };
}

describe("the history of a room", () => {
  it("finds the place after each position, however unevenly its messages lie in the log", async () => {
    for (const between of [() => 0, (event: number) => event % 7, (event: number) => (event === 30 ? 1000 : 0)]) {
      const { log, sequences } = await logOf(60, between);
      const history = new RoomHistory({ log, clock: new ManualClock(0) }, "$s");
      const { newest } = await history.extent();
      for (let revision = 0; revision <= 60; revision += 1) {
        const { sequence } = await history.placeAfter(revision, newest);
        const { events } = await history.read({ after: sequence, maxEvents: 1, maxBytes: 1 });
        expect(events[0]?.revision).toBe(revision === 60 ? undefined : revision + 1);
        expect(sequence).toBeLessThan(sequences[revision] ?? Infinity);
      }
    }
  });

  it("takes few reads for that in a long room", async () => {
    const { log, reads } = await logOf(5000, (event) => event % 3);
    const history = new RoomHistory({ log, clock: new ManualClock(0) }, "$s");
    const { newest } = await history.extent();
    const before = reads();
    for (const revision of [1, 17, 2500, 4998]) await history.placeAfter(revision, newest);
    expect((reads() - before) / 4).toBeLessThan(10);
  });

  it("knows where it begins when older messages are gone, by their number or by their age", async () => {
    const clock = new ManualClock(0);
    const log = new MemoryEventLog({ clock });
    for (let id = 1; id <= 5; id += 1) {
      clock.advance(1000);
      await log.append({ stream: "$s", events: [eventOfPayload(new Uint8Array(1), ChatMessageKind.TEXT, String(id))] });
    }
    const aged = new RoomHistory({ log, clock }, "$s", 2500);
    expect(await aged.extent()).toMatchObject({ firstRevision: 3, newest: { revision: 5 } });
    clock.advance(10_000);
    expect(await aged.extent()).toMatchObject({ firstRevision: 6, newest: { revision: 5 } });
    await log.truncate("$s", 2);
    expect(await new RoomHistory({ log, clock }, "$s").extent()).toMatchObject({ firstRevision: 2 });
  });
});
