import { randomInt } from "node:crypto";

import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import type { LogEvent } from "../ports/event-log.js";
import { eventMatcher } from "../ports/event-log-patterns.js";

import { toMessage } from "./event-message.js";
import { append, caughtUp, filterOf, openFeedFixture, selecting, sequences } from "./feed-fixture.test.support.js";
import type { FeedCursor, Selection } from "./feed.js";

describe("whatever is appended, selected and evicted, a cursor gives out what matches, once and in order", () => {
  const seed = randomInt(2 ** 31);
  process.stdout.write(`event-feed.property.test.ts: seed ${String(seed)}\n`);

  it("in random order of all of these", async () => {
    const property = fc.asyncProperty(fc.gen(), (gen) => readAtRandom((max) => gen(fc.nat, { max: max - 1 })));
    await fc.assert(property, { seed, numRuns: 150, endOnFailure: true });
  });
});

/** @param below gives a whole number from 0 up to, but not with, `max` */
async function readAtRandom(below: (max: number) => number): Promise<void> {
  const oneOf = <T>(...items: readonly [T, ...T[]]): T => items[below(items.length)] ?? items[0];
  await using fixture = await openFeedFixture({ tailBytes: oneOf(1, 5_000, 20_000, 300_000, 1_000_000) });
  const stored: LogEvent[] = [];
  await using stack = new AsyncDisposableStack();
  stack.use(await fixture.log.follow((events) => void stored.push(...events)));

  const appendSome = async (): Promise<void> => {
    const stream = oneOf("a", "b", "ab/1", "ab/2", "$x");
    const types = Array.from({ length: 1 + below(5) }, () => oneOf("t", "t.1", "t.2", "u"));
    await append(
      fixture.log,
      stream,
      ...types.map((type) => ({ type, payload: Buffer.alloc(below(oneOf(300, 300, 300, 40_000))) })),
    );
  };
  const select = (): Selection =>
    selecting({
      types: oneOf<readonly string[]>([], ["t"], ["t.*", "t.1"], ["u", "t*"]),
      streams: oneOf<readonly string[]>([], ["a"], ["ab/*"], ["a", "$x"]),
      filter: oneOf(
        undefined,
        filterOf("even", ({ payload }) => payload.length % 2 === 0),
      ),
    });
  const expected = ({ types, streams, filter }: Selection, after: number, until: number): number[] => {
    const covers = eventMatcher({ types, streams });
    return stored
      .filter((event) => event.sequence > after && event.sequence <= until && covers(event))
      .filter((event) => filter === undefined || filter.matches(toMessage(event, "")))
      .map(({ sequence }) => sequence);
  };

  interface Reader {
    readonly cursor: FeedCursor;
    readonly selection: Selection;
    readonly after: number;
    readonly got: number[];
  }
  const readers: Reader[] = [];
  const step = async ({ cursor, selection, after, got }: Reader): Promise<void> => {
    const before = cursor.position;
    const limits = { maxEvents: 1 + below(20), maxBytes: 1 + below(5000), sharesRuns: below(2) === 0 };
    const run = await cursor.next(limits);
    got.push(...sequences(run));
    expect(run.position).toBeGreaterThanOrEqual(before);
    expect(got).toEqual(expected(selection, after, run.position));
    for (const { log } of run.events) expect(log.appendEnd).toBeLessThanOrEqual(run.position);
  };
  for (let i = 0; i < 300; i += 1) {
    const what = below(100);
    if (what < 40) await appendSome();
    else if (what < 50) {
      const [selection, after] = [select(), below(fixture.feed.lastSequence + 1)];
      readers.push({ cursor: fixture.feed.open(selection, after), selection, after, got: [] });
    } else if (what < 53 && readers.length > 0) readers.splice(below(readers.length), 1)[0]?.cursor[Symbol.dispose]();
    else if (readers.length > 0)
      await Promise.all([step(oneOf(...(readers as [Reader]))), below(10) < 3 && appendSome()]);
  }
  for (const reader of readers) {
    reader.got.push(...sequences(await caughtUp(reader.cursor, { maxEvents: 7, maxBytes: 3000 })));
    expect(reader.got).toEqual(expected(reader.selection, reader.after, Infinity));
    expect(reader.cursor.position).toBe(fixture.feed.lastSequence);
  }
}
