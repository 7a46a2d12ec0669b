import { randomInt } from "node:crypto";

import { describe, expect, it, jest } from "@jest/globals";
import fc from "fast-check";

import type { LogEvent } from "../ports/event-log.js";
import { eventMatcher } from "../ports/event-log-patterns.js";

import type { Selection } from "./feed.js";
import { RunCache } from "./run-cache.js";
import { SelectionGroup } from "./selection-group.js";
import { SelectionIndex } from "./selection-index.js";

const name = fc.constantFrom("a", "ab", "abc", "b", "b/1", "$a", "$a/b");
const patterns = fc.uniqueArray(
  fc.tuple(name, fc.boolean()).map(([name, isPrefix]) => (isPrefix ? `${name}*` : name)),
  { maxLength: 3 },
);
const selection = fc.record({ types: patterns, streams: patterns });
const event = fc.record({ type: name, stream: name }).map((fields) => fields as LogEvent);

describe("an index of selections", () => {
  const seed = randomInt(2 ** 31);
  process.stdout.write(`selection-index.test.ts: seed ${String(seed)}\n`);

  it("finds those that select an event, and no others, while they come and go", () => {
    const property = fc.property(fc.array(selection), fc.array(event), fc.func(fc.boolean()), (all, events, stays) => {
      const index = new SelectionIndex();
      const groups = all.map((each) => new SelectionGroup(each, 0, new RunCache(0)));
      for (const group of groups) index.add(group);
      const left = groups.filter((group) => stays(group.selection));
      for (const group of groups) if (!left.includes(group)) index.delete(group);
      for (const each of events) {
        expect(index.covering(each)).toEqual(new Set(left.filter(({ selection }) => eventMatcher(selection)(each))));
      }
    });
    fc.assert(property, { seed, numRuns: 500 });
  });

  it.each([
    ["types of one stream", (n: number): Selection => ({ types: [`t${String(n)}`], streams: ["s7"] })],
    ["streams of one type", (n: number): Selection => ({ types: ["t7"], streams: [`s${String(n)}`] })],
    ["prefixes", (n: number): Selection => ({ types: [`t${String(n)}*`], streams: [] })],
  ])("asks a handful of 1000 that differ in their %s", (_, selectionOf) => {
    const index = new SelectionIndex();
    const groups = Array.from({ length: 1000 }, (_, n) => new SelectionGroup(selectionOf(n), 0, new RunCache(0)));
    for (const group of groups) index.add(group);
    const asked = groups.map((group) => jest.spyOn(group, "covers"));
    expect(index.covering({ type: "t7", stream: "s7" } as LogEvent)).toEqual(new Set([groups[7]]));
    expect(asked.filter(({ mock }) => mock.calls.length > 0).length).toBeLessThan(5);
  });
});
