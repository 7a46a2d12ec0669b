import { randomInt } from "node:crypto";

import { type CelInput, celEnv, isCelError, parse, plan } from "@bufbuild/cel";
import { describe, expect, it } from "@jest/globals";
import { Event, ServiceError } from "@millrace/shared-types";
import fc from "fast-check";

import { compileFilter } from "./compile-filter.js";

const CASES = 2500;

/** True, false, or failed: the three outcomes of a condition. */
type Outcome = boolean | "failed";

const NAMES = ["total", "name", "tags", "items", "user", "flag", "missing"] as const;

/** What payloads hold under {@link NAMES}; `missing` is never there, the others not always. Null is left to the corpus. */
const PAYLOADS: fc.Arbitrary<Readonly<Record<string, unknown>>> = fc.record(
  {
    total: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true, min: -2, max: 2 })),
    name: fc.constantFrom("", "a", "ab", "Ada", "é😀"),
    tags: fc.array(fc.constantFrom<string | number>("a", "b", 1, 2), { maxLength: 3 }),
    items: fc.array(fc.record({ sku: fc.constantFrom("a", "b"), qty: fc.integer({ min: 0, max: 2 }) }), {
      maxLength: 3,
    }),
    user: fc.record({ name: fc.constantFrom("a", "b"), total: fc.integer({ min: 0, max: 2 }) }),
    flag: fc.boolean(),
  },
  { requiredKeys: [] },
);

const EVENTS: fc.Arbitrary<{ readonly event: Event; readonly payload: CelInput }> = fc
  .record({
    payload: PAYLOADS,
    type: fc.constantFrom("a", "ab", "order.created"),
    sequence: fc.integer({ min: 0, max: 3 }),
    tombstone: fc.boolean(),
    attributes: fc.dictionary(fc.constantFrom("a", "region"), fc.constantFrom("a", "eu"), { noNullPrototype: true }),
    seconds: fc.integer({ min: 0, max: 2 }),
  })
  .map(({ payload, type, sequence, tombstone, attributes, seconds }) => ({
    payload: JSON.parse(JSON.stringify(payload)) as CelInput,
    event: Event.fromPartial({
      type,
      sequence,
      tombstone,
      attributes: new Map(Object.entries(attributes)),
      timestamp: { seconds, nanos: 0 },
      publishTime: { seconds: 1, nanos: 500_000_000 },
      contentType: "application/json",
      payload: Buffer.from(JSON.stringify(payload)),
    }),
  }));

const LITERALS = [
  "0",
  "1",
  "2u",
  "1.0",
  "-1",
  "0.5",
  '"a"',
  '"ab"',
  '""',
  "'eu'",
  "true",
  "false",
  "null",
  'b"a"',
  "[]",
];
const MOMENTS = ["event.timestamp", "event.publish_time", "timestamp('1970-01-01T00:00:01Z')"];
const SPANS = ["duration('1s')", "duration('-500ms')", "(event.publish_time - event.timestamp)"];
const PARTS = [
  "getFullYear",
  "getMonth",
  "getDate",
  "getDayOfYear",
  "getDayOfWeek",
  "getHours",
  "getSeconds",
  "getMilliseconds",
];
const TEXTS = [
  "event.type",
  "event.attributes.region",
  'event.attributes["a"]',
  "payload.name",
  "payload.user.name",
  "'a'",
];
const NUMBERS = ["event.sequence", "payload.total", "payload.user.total", "payload.tags[0]", "1", "2", "1.0", "2u"];
const LISTS = ["payload.tags", "payload.items", "[1, 2]", '["a", "ab"]', "payload.missing"];

/** No texts that are no numbers: the library takes "" for 0 and "a" for NaN. */
const CONVERTIBLE = ["event.sequence", "payload.total", "payload.tags", "1.5", "-2.5", "'12'", "'-3'", "2u", "true"];

/** A fraction, or NaN, makes the library's planner fail as a whole, also beside a `||` that would save the day. */
const INDEXES = ["0", "1", "-1", "1u", "1.0", "event.sequence", "payload.name", "9223372036854775807"];

/** Expressions as text; those of `condition` are meant to be true or false. */
const { condition } = fc.letrec<Record<"condition" | "value" | "text" | "number" | "list", string>>((tie) => ({
  text: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(...TEXTS),
    join(tie("text"), " + ", tie("text")),
    call("string", tie("value")),
  ),
  number: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(...NUMBERS),
    fc.tuple(tie("number"), fc.constantFrom("+", "-", "*", "/", "%"), tie("number")).map(bracketed),
    call("size", tie("value")),
    fc
      .tuple(fc.constantFrom("int", "uint", "double"), fc.constantFrom(...CONVERTIBLE))
      .map(([name, argument]) => `${name}(${argument})`),
    fc
      .tuple(fc.constantFrom(...MOMENTS, ...SPANS), fc.constantFrom(...PARTS))
      .map(([time, part]) => `${time}.${part}()`),
  ),
  list: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(...LISTS),
    fc.tuple(tie("value"), tie("value")).map(([first, second]) => `[${first}, ${second}]`),
    join(tie("list"), " + ", tie("list")),
    fc.constantFrom("payload.tags.map(t, t)", "payload.items.filter(i, i.qty > 0)", "payload.items.map(i, i.sku)"),
  ),
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(...LITERALS, ...MOMENTS, ...SPANS, ...NAMES.map((name) => `payload.${name}`)),
    tie("text"),
    tie("number"),
    tie("list"),
    fc.constantFrom('{"a": 1}', '{1: "a", true: 2}', "payload", "event.attributes"),
    fc.tuple(tie("list"), fc.constantFrom(...INDEXES)).map(([list, index]) => `${list}[${index}]`),
    fc.tuple(tie("condition"), tie("value"), tie("value")).map(([test, yes, no]) => `(${test} ? ${yes} : ${no})`),
    fc.constantFrom(...MOMENTS).map((moment) => `(${moment} + duration('1s'))`),
  ),
  condition: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.tuple(tie("value"), fc.constantFrom("==", "!="), tie("value")).map(bracketed),
    fc.tuple(tie("value"), fc.constantFrom("<", "<=", ">", ">="), tie("value")).map(bracketed),
    fc.tuple(tie("number"), fc.constantFrom("<", "<=", ">", ">=", "=="), tie("number")).map(bracketed),
    fc.tuple(tie("text"), fc.constantFrom("<", "<=", ">", ">=", "=="), tie("text")).map(bracketed),
    fc.tuple(tie("condition"), fc.constantFrom("&&", "||"), tie("condition")).map(bracketed),
    tie("condition").map((inner) => `!${inner}`),
    join(tie("value"), " in ", tie("list")),
    fc.constantFrom('("a" in payload)', '("total" in payload)', '("a" in event.attributes)', "(1 in {1: 2})"),
    fc.constantFrom(...NAMES).map((name) => `has(payload.${name})`),
    fc
      .tuple(tie("text"), fc.constantFrom("startsWith", "endsWith", "contains"), tie("text"))
      .map(([text, method, part]) => `${text}.${method}(${part})`),
    tie("text").map((text) => `${text}.matches("^a+b?$")`),
    fc
      .tuple(
        tie("list"),
        fc.constantFrom("exists", "all", "exists_one"),
        fc.constantFrom("e == 1", 'e == "a"', "e.qty > 0", "e > 1"),
      )
      .map(([list, macro, test]) => `${list}.${macro}(e, ${test})`),
    fc.constantFrom("event.tombstone", "payload.flag", "payload.missing"),
  ),
}));

function bracketed([left, operator, right]: readonly [string, string, string]): string {
  return `(${left} ${operator} ${right})`;
}

function join(left: fc.Arbitrary<string>, operator: string, right: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(left, right).map(([a, b]) => `(${a}${operator}${b})`);
}

function call(name: string, argument: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return argument.map((value) => `${name}(${value})`);
}

/** The outcome according to us; `undefined` if we refuse the filter. */
function ours(text: string, event: Event): Outcome | undefined {
  try {
    if (compileFilter(text).matches(event)) return true;
    return compileFilter(`!(${text})`).matches(event) ? false : "failed";
  } catch (error) {
    if (error instanceof ServiceError) return undefined;
    throw error;
  }
}

const LIBRARY = celEnv();

/** The outcome according to the library's own planner. */
function theirs(text: string, event: Event, payload: CelInput): Outcome {
  const { type, sequence, tombstone, attributes, timestamp, publishTime } = event;
  const fields = {
    type,
    sequence: BigInt(sequence),
    tombstone,
    attributes,
    timestamp: { $typeName: "google.protobuf.Timestamp", seconds: BigInt(timestamp?.seconds ?? 0), nanos: 0 },
    publish_time: {
      $typeName: "google.protobuf.Timestamp",
      seconds: BigInt(publishTime?.seconds ?? 0),
      nanos: 500_000_000,
    },
  };
  const variables: Record<string, CelInput> = { event: fields, payload };
  const result = plan(LIBRARY, parse(text))(variables);
  return isCelError(result) || typeof result !== "boolean" ? "failed" : result;
}

describe("our evaluation of filters", () => {
  it("agrees with the library's", () => {
    const seed = randomInt(2 ** 31);
    process.stdout.write(`filter-agreement.test.ts: seed ${String(seed)}\n`);
    const seen = new Map<Outcome | undefined, number>();
    const property = fc.property(condition, EVENTS, (text, { event, payload }) => {
      const outcome = ours(text, event);
      seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
      if (outcome !== undefined) expect([text, outcome]).toEqual([text, theirs(text, event, payload)]);
    });
    fc.assert(property, { seed, numRuns: CASES });
    const [refused = 0, ...evaluated] = [undefined, true, false, "failed" as const].map((outcome) => seen.get(outcome));
    expect(refused).toBeLessThan(CASES / 2);
    for (const times of evaluated) expect(times).toBeGreaterThan(CASES / 20);
  });
});
