import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

import { ManualClock } from "../testing/manual-clock.js";

import type { Clock } from "./clock.js";
import type { AppendResult, EventLog, LogEvent } from "./event-log.js";
import { EventIdConflict, RevisionMismatch } from "./event-log.js";
import { ALL, draft, idsOf, readAll } from "./event-log-drafts.contract.js";
import { itRemoves } from "./event-log-removals.contract.js";
import { itReads } from "./event-log-reads.contract.js";

/** A place where an event log lives: opening it again finds what was stored, if it is persistent. */
export interface EventLogPlace extends AsyncDisposable {
  open(clock: Clock): Promise<EventLog>;
  readonly persistent: boolean;
}

/** What every EventLog promises. The test file of each adapter calls this once. */
export function describeEventLog(name: string, makePlace: () => Promise<EventLogPlace>): void {
  describe(`EventLog contract: ${name}`, () => {
    let place: EventLogPlace;
    let log: EventLog;
    let clock: ManualClock;

    beforeEach(async () => {
      clock = new ManualClock(1_700_000_000_000);
      place = await makePlace();
      log = await place.open(clock);
    });

    afterEach(async () => {
      await log[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    });

    const append = (stream: string, ...ids: readonly string[]): Promise<AppendResult> =>
      log.append({ stream, events: ids.map((id) => draft(id)) });
    const ids = async (options: Parameters<typeof readAll>[1] = {}): Promise<readonly string[]> =>
      idsOf(await readAll(log, options));

    describe("append", () => {
      it("numbers events in the log and, without holes, in their stream", async () => {
        await append("a", "1", "2");
        await append("b", "3");
        const { events, revision } = await append("a", "4");
        expect(revision).toBe(3);
        expect(events).toMatchObject([{ revision: 3, duplicate: false }]);
        const all = await readAll(log);
        expect(all.map(({ stream, revision: at }) => `${stream}${String(at)}`)).toEqual(["a1", "a2", "b1", "a3"]);
        const sequences = all.map(({ sequence }) => sequence);
        expect(sequences).toEqual([...new Set(sequences)].sort((x, y) => x - y));
        expect(sequences[3]).toBe(events[0]?.sequence);
        expect(all.map(({ appendEnd }) => appendEnd)).toEqual([sequences[1], sequences[1], sequences[2], sequences[3]]);
        expect(await log.range()).toEqual({ firstSequence: 1, lastSequence: sequences[3] });
        expect(await log.streamRange("a")).toEqual({ firstRevision: 1, lastRevision: 3 });
        expect(await log.streamRange("none")).toEqual({ firstRevision: 0, lastRevision: 0 });
      });

      it("says when events were stored, and never goes back in time", async () => {
        await append("s", "a");
        clock.advance(1000);
        await append("s", "b");
        clock.advance(-5000);
        await append("s", "c");
        const times = (await readAll(log)).map(({ storedAtMs }) => storedAtMs - 1_700_000_000_000);
        expect(times).toEqual([0, 1000, 1000]);
      });

      it("does not keep what callers may write over", async () => {
        const payload = new Uint8Array([1, 2, 3]);
        await log.append({ stream: "s", events: [{ ...draft("a"), payload }] });
        payload.fill(0);
        expect((await readAll(log))[0]?.payload).toEqual(new Uint8Array([1, 2, 3]));
      });

      it("does not store events again whose id the stream has", async () => {
        const before = await append("s", "a", "b");
        const again = await append("s", "a", "b");
        expect(again).toEqual({ ...before, events: before.events.map((event) => ({ ...event, duplicate: true })) });
        const mixed = await append("s", "c", "b", "d");
        expect(mixed.events.map(({ revision, duplicate }) => [revision, duplicate])).toEqual([
          [3, false],
          [2, true],
          [4, false],
        ]);
        expect(mixed.revision).toBe(4);
        expect(await ids()).toEqual(["a", "b", "c", "d"]);
        expect(new Set((await readAll(log)).slice(2).map(({ appendEnd }) => appendEnd)).size).toBe(1);
      });

      it("knows an id in its own stream only", async () => {
        await append("s", "a");
        expect((await append("r", "a")).events).toMatchObject([{ revision: 1, duplicate: false }]);
        expect(await ids()).toEqual(["a", "a"]);
      });

      it.each([
        ["type", { type: "other" }],
        ["key", { key: "other" }],
        ["tombstone", { tombstone: true }],
        ["payload", { payload: "other" }],
        ["head", { head: new Uint8Array([1]) }],
      ])("refuses an id that the stream has with another %s, and stores nothing", async (_, fields) => {
        await append("s", "a");
        const refused = log.append({ stream: "s", events: [draft("new"), draft("a", fields), draft("newer")] });
        await expect(refused).rejects.toBeInstanceOf(EventIdConflict);
        await expect(refused).rejects.toMatchObject({ id: "a" });
        expect(await ids()).toEqual(["a"]);
        expect((await append("s", "b")).revision).toBe(2);
      });

      it.each([
        ["0 for a stream that has events", "s", 0, 2],
        ["a revision that passed", "s", 1, 2],
        ["a revision that is yet to come", "s", 3, 2],
        ["a revision of a stream that has none", "none", 1, 0],
      ])("refuses %s, and stores nothing", async (_, stream, expectedRevision, actual) => {
        await append("s", "a", "b");
        const refused = log.append({ stream, expectedRevision, events: [draft("c")] });
        await expect(refused).rejects.toBeInstanceOf(RevisionMismatch);
        await expect(refused).rejects.toMatchObject({ expected: expectedRevision, actual });
        expect(await ids()).toEqual(["a", "b"]);
        expect((await log.streamRange("none")).lastRevision).toBe(0);
      });

      it("takes a revision that is the right one, and does not look at it if all was stored before", async () => {
        const events = [draft("a"), draft("b")];
        await log.append({ stream: "s", expectedRevision: 0, events });
        await log.append({ stream: "s", expectedRevision: 2, events: [draft("c")] });
        const again = await log.append({ stream: "s", expectedRevision: 0, events });
        expect(again).toMatchObject({ revision: 3, events: [{ duplicate: true }, { duplicate: true }] });
        const some = log.append({ stream: "s", expectedRevision: 0, events: [...events, draft("d")] });
        await expect(some).rejects.toMatchObject({ name: "RevisionMismatch", actual: 3 });
      });

      it("gives one of a hundred racers for the same revision the win", async () => {
        await append("s", "start");
        const racers = Array.from({ length: 100 }, (_, n) =>
          log.append({ stream: "s", expectedRevision: 1, events: [draft(`racer ${String(n)}`)] }),
        );
        const outcomes = await Promise.allSettled(racers);
        expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
        expect(await ids()).toHaveLength(2);
      });

      it.each([
        ["no events", { events: [] }],
        ["two events with the same id", { events: [draft("x"), draft("x")] }],
        ["a negative revision", { expectedRevision: -1, events: [draft("x")] }],
        ["a revision that is no number", { expectedRevision: Number.NaN, events: [draft("x")] }],
      ])("refuses an append with %s, and goes on with others", async (_, fields) => {
        const [refused, other] = [log.append({ stream: "s", ...fields }), append("s", "a")];
        await expect(refused).rejects.toBeInstanceOf(RangeError);
        await other;
        expect(await ids()).toEqual(["a"]);
      });

      it("stores an event once, however many send it at the same time", async () => {
        const results = await Promise.all(Array.from({ length: 20 }, () => append("s", "same")));
        expect(results.filter(({ events }) => events[0]?.duplicate === false)).toHaveLength(1);
        expect(await ids()).toEqual(["same"]);
      });

      it("does not let one that is refused touch those around it", async () => {
        await append("s", "a");
        const results = await Promise.allSettled([
          append("s", "b"),
          log.append({ stream: "s", expectedRevision: 0, events: [draft("x"), draft("y")] }),
          log.append({ stream: "s", events: [draft("z"), draft("a", { payload: "other" })] }),
          append("s", "c"),
        ]);
        expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
        expect(await ids()).toEqual(["a", "b", "c"]);
      });
    });

    describe("read", () => {
      itReads(() => log, makePlace);
    });

    describe("trim and truncate", () => {
      itRemoves(
        () => log,
        () => clock,
      );
    });

    describe("follow", () => {
      it("passes on every append from then on, whole and in order, and no other", async () => {
        await append("s", "before");
        const heard: (readonly LogEvent[])[] = [];
        const following = await log.follow((events) => void heard.push(events));
        expect(following.lastSequence).toBe((await log.range()).lastSequence);
        await Promise.all(
          Array.from({ length: 30 }, (_, n) => append(`s${String(n % 3)}`, `${String(n)}a`, `${String(n)}b`)),
        );
        await append("$server", "hidden");
        await append("s", "before");
        await log.append({ stream: "s", expectedRevision: 9, events: [draft("refused")] }).catch(() => {});
        const after = following.lastSequence;
        expect(heard.flat()).toEqual(await readAll(log, { after, streams: ["*", "$*"] }));
        for (const events of heard) expect(events.at(-1)?.sequence).toBe(events.at(-1)?.appendEnd);
        following[Symbol.dispose]();
        await append("s", "later");
        expect(idsOf(heard.flat())).not.toContain("later");
      });

      it("neither misses nor repeats an event between the position that it gives and its first call", async () => {
        const writing = Promise.all(Array.from({ length: 100 }, (_, n) => append("s", String(n))));
        const joined: { readonly after: number; readonly heard: LogEvent[] }[] = [];
        for (let round = 0; round < 20; round += 1) {
          const heard: LogEvent[] = [];
          const { lastSequence } = await log.follow((events) => void heard.push(...events));
          joined.push({ after: lastSequence, heard });
          await log.read({ ...ALL, maxEvents: 1 });
        }
        await writing;
        for (const { after, heard } of joined) expect(heard).toEqual(await readAll(log, { after }));
      });

      it("has told of an append before that resolves, and may be asked twice", async () => {
        let calls = 0;
        const listener = (): void => void (calls += 1);
        using one = await log.follow(listener);
        const two = await log.follow(listener);
        await append("s", "a");
        expect(calls).toBe(2);
        two[Symbol.dispose]();
        await append("s", "b");
        expect(calls).toBe(3);
        expect(one.lastSequence).toBe(0);
      });
    });

    describe("a log that is closed", () => {
      it("has finished what was under way, and refuses what comes later", async () => {
        const appends = Array.from({ length: 20 }, (_, n) => append("s", String(n)));
        const reading = log.read(ALL);
        await log[Symbol.asyncDispose]();
        await expect(Promise.all(appends)).resolves.toHaveLength(20);
        await expect(reading).resolves.toMatchObject({ scannedTo: expect.any(Number) });
        const late = [append("s", "late"), log.read(ALL), log.range(), log.trim({}), log.truncate("s", 1)];
        for (const call of [...late, log.follow(() => {}), log.sequenceAt(0), log.streamRange("s")]) {
          await expect(call).rejects.toMatchObject({ reason: "BACKEND_UNAVAILABLE" });
        }
      });

      it("is found again as it was, if it is persistent, and else as another one", async () => {
        await append("s", "a", "b");
        await append("$server", "c");
        await log.truncate("s", 2);
        const before = await readAll(log, { streams: ["*", "$*"] });
        const { epoch } = log;
        await log[Symbol.asyncDispose]();
        log = await place.open(clock);
        expect(log.epoch === epoch).toBe(place.persistent);
        expect(await readAll(log, { streams: ["*", "$*"] })).toEqual(place.persistent ? before : []);
        if (!place.persistent) return;
        expect(await log.streamRange("s")).toEqual({ firstRevision: 2, lastRevision: 2 });
        expect((await append("s", "b", "d")).events).toMatchObject([
          { duplicate: true },
          { revision: 3, duplicate: false },
        ]);
        expect((await log.range()).lastSequence).toBeGreaterThan(before.at(-1)?.sequence ?? Infinity);
      });
    });

    it("is another log in another place", async () => {
      await using other = await makePlace();
      await using its = await other.open(clock);
      expect(its.epoch).not.toBe(log.epoch);
    });
  });
}
