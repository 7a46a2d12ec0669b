import { randomInt } from "node:crypto";

import { describe, expect, it } from "@jest/globals";
import { type Event, ServiceError } from "@millrace/shared-types";
import fc from "fast-check";

import { compileFilter } from "./compile-filter.js";
import { CORPUS_EVENTS, FILTER_CORPUS, type FilterCase } from "./filter-corpus.test.support.js";
import { timeFilters } from "./filter-timing.test.support.js";

const MAX_CHARS = 4096;

function shortened(text: string): string {
  return text.length > 100 ? `${text.slice(0, 80)}… (${String(text.length)})` : text;
}

function failureOf(filter: string): ServiceError {
  try {
    compileFilter(filter, MAX_CHARS);
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
  throw new Error("was compiled");
}

const NAMED_CASES = FILTER_CORPUS.map((entry) => [shortened(entry.filter), entry.event ?? "order", entry] as const);

describe("filters", () => {
  it.each(NAMED_CASES)("%s on %s", (_name, eventName, { filter, verdict }: FilterCase) => {
    if (typeof verdict === "boolean") {
      expect(compileFilter(filter, MAX_CHARS).matches(CORPUS_EVENTS[eventName])).toBe(verdict);
      return;
    }
    const failure = failureOf(filter);
    expect(failure).toMatchObject({ reason: "INVALID_FILTER", fieldViolations: [{ field: "filter" }] });
    expect(failure.metadata["detail"]).toContain(verdict.refused);
    expect(failure.metadata["position"]).toBe(String(verdict.position ?? failure.metadata["position"]));
    expect(Number(failure.metadata["position"])).toBeLessThanOrEqual(filter.length);
  });

  it("of the same text are one filter, whoever asks", () => {
    expect(compileFilter("event.type == 'same'")).toBe(compileFilter("event.type == 'same'"));
  });

  it("are forgotten when many others came after them", () => {
    const first = compileFilter("event.type == 'first'");
    for (let n = 0; n < 256; n++) compileFilter(`event.sequence == ${String(n)}`);
    expect(compileFilter("event.type == 'first'")).not.toBe(first);
    expect(compileFilter("event.sequence == 255")).toBe(compileFilter("event.sequence == 255"));
  });

  it("are held to the limit on characters of each server, also when they are known", () => {
    const text = "event.type == 'a long one'";
    compileFilter(text, 100);
    expect(() => compileFilter(text, 10)).toThrow("at most 10 are allowed");
  });

  it("parse the payload of an event once, however many look at it", () => {
    let reads = 0;
    const event: Event = { ...CORPUS_EVENTS.order };
    const { payload } = event;
    Object.defineProperty(event, "payload", {
      get: () => {
        reads++;
        return payload;
      },
    });
    for (let n = 0; n < 5; n++) expect(compileFilter(`payload.total != ${String(n)}.0`).matches(event)).toBe(true);
    expect(reads).toBe(1);
  });

  it("have a budget of their own for each event", () => {
    const costly = compileFilter('payload.text.contains("b") || payload.text.startsWith("a")');
    for (let n = 0; n < 20; n++) expect(costly.matches(CORPUS_EVENTS.longText)).toBe(true);
  });

  it("give the same result each time, however long it takes", () => {
    const timings = timeFilters();
    const slowest = timings
      .slice(0, 3)
      .map(({ filter, medianMs }) => `${medianMs.toFixed(1)} ms: ${shortened(filter)}`);
    process.stdout.write(`compile-filter.test.ts: slowest evaluations\n  ${slowest.join("\n  ")}\n`);
    expect(timings.filter(({ verdicts }) => verdicts.length !== 1)).toEqual([]);
    expect(timings.length).toBeGreaterThan(100);
  });

  it("change neither the event nor what objects inherit", () => {
    const before = JSON.stringify([...Object.getOwnPropertyNames(Object.prototype), CORPUS_EVENTS.order]);
    for (const { filter, verdict } of FILTER_CORPUS) {
      if (typeof verdict === "boolean") compileFilter(filter).matches(CORPUS_EVENTS.order);
    }
    expect(JSON.stringify([...Object.getOwnPropertyNames(Object.prototype), CORPUS_EVENTS.order])).toBe(before);
  });

  it("are compiled or refused, whatever the text, and then never throw", () => {
    const seed = randomInt(2 ** 31);
    process.stdout.write(`compile-filter.test.ts: seed ${String(seed)}\n`);
    const words = fc.constantFrom(...WORDS);
    const texts = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(words, { maxLength: 12 }).map((parts) => parts.join("")),
    );
    const property = fc.property(texts, fc.constantFrom(...Object.values(CORPUS_EVENTS)), (text, event) => {
      const filter = compiled(text);
      if (filter !== undefined) expect(typeof filter.matches(event)).toBe("boolean");
    });
    fc.assert(property, { seed, numRuns: 2000 });
  });
});

/** What filters are made of, and not. */
const WORDS = (
  "event payload .type .text .items .payload [0] ['a'] ( ) [ ] { } , : ? ! - + * / % == != < >= && || in has( size( " +
  'int( string( .matches( .exists(i,i .map(i,i .contains( 1 2u 0.5 "a" b"a" null true false timestamp( \\ \u0000 # @result'
).split(" ");

/** `undefined` if the filter is refused. */
function compiled(text: string): ReturnType<typeof compileFilter> | undefined {
  try {
    return compileFilter(text);
  } catch (error) {
    expect(error).toMatchObject({ reason: "INVALID_FILTER" });
    return undefined;
  }
}
