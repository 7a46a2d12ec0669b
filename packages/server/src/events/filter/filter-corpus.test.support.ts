import { Event, type PartialMessage } from "@millrace/shared-types";

/** What a filter does with an event: it matches, it does not, or it is refused (with a part of what is said). */
export type Verdict = true | false | { readonly refused: string; readonly position?: number };

export type CorpusEvent =
  | "order"
  | "bytes"
  | "badJson"
  | "vendorJson"
  | "text"
  | "list"
  | "deep"
  | "tooDeep"
  | "values"
  | "tooManyValues"
  | "objects"
  | "keys"
  | "longText"
  | "unicode"
  | "mebibyte"
  | "attributes";

export interface FilterCase {
  readonly filter: string;
  /** Of {@link CORPUS_EVENTS}. Default: `order`. */
  readonly event?: CorpusEvent;
  readonly verdict: Verdict;
}

function jsonEvent(payload: unknown, fields: PartialMessage<Event> = {}): Event {
  return Event.fromPartial({
    type: "t",
    contentType: "application/json",
    payload: Buffer.from(typeof payload === "string" ? payload : JSON.stringify(payload)),
    ...fields,
  });
}

/** An array of `length` of what `make` makes. */
function many<T>(length: number, make: (index: number) => T): T[] {
  return Array.from({ length }, (_, index) => make(index));
}

/** What filters of the corpus are evaluated on. The larger ones are as slow as events can be. */
export const CORPUS_EVENTS: Readonly<Record<CorpusEvent, Event>> = {
  order: jsonEvent(
    '{"total":12.5,"count":3,"big":9007199254740993,"name":"Ada","vip":true,"none":null,"tags":["a","b"],' +
      '"items":[{"sku":"x","qty":2},{"sku":"y","qty":0}],"user":{"id":"u1"},"__proto__":{"evil":1},"constructor":7}',
    {
      id: "01",
      type: "order.created",
      stream: "orders/1",
      key: "k",
      source: "/shop",
      sequence: 42,
      streamRevision: 3,
      attributes: new Map([
        ["region", "eu"],
        ["__proto__", "p"],
      ]),
      timestamp: { seconds: 1_700_000_000, nanos: 5 },
      publishTime: { seconds: 1_700_000_001, nanos: 0 },
    },
  ),
  bytes: Event.fromPartial({ type: "t", payload: Buffer.from([0xff, 0x00]), tombstone: true, key: "k" }),
  badJson: jsonEvent('{"a":'),
  vendorJson: jsonEvent({ a: 1 }, { contentType: "application/vnd.shop+json; charset=utf-8" }),
  text: jsonEvent({ a: 1 }, { contentType: "text/plain" }),
  list: jsonEvent([1, 2, 3]),
  deep: jsonEvent('{"a":'.repeat(64) + "1" + "}".repeat(64)),
  tooDeep: jsonEvent("[".repeat(131_000) + "]".repeat(131_000)),
  values: jsonEvent({ items: many(2000, (index) => index) }),
  tooManyValues: jsonEvent({ items: many(2100, (index) => index) }),
  objects: jsonEvent({ items: many(600, (index) => ({ a: index, b: "x" })) }),
  keys: jsonEvent(Object.fromEntries(many(2000, (index) => [`key${String(index)}`, index]))),
  longText: jsonEvent({ text: "a".repeat(260_000) }),
  unicode: jsonEvent({ text: "é€😀".repeat(28_000) }),
  mebibyte: jsonEvent({ text: "a".repeat(1024 * 1024 - 100) }),
  attributes: Event.fromPartial({ type: "t", attributes: new Map([["text", "a".repeat(16_000)]]) }),
};

const refused = (text: string, position?: number): Verdict => ({
  refused: text,
  ...(position !== undefined && { position }),
});

const repeated = (part: string, times: number, operator: string): string => Array(times).fill(part).join(operator);

/** Filters with what is documented to happen. */
export const FILTER_CORPUS: readonly FilterCase[] = [
  // What filters are for.
  { filter: 'event.type == "order.created"', verdict: true },
  { filter: 'event.attributes["region"] == "eu" && payload.total > 10.0', verdict: true },
  { filter: 'event.attributes.region in ["us", "eu"]', verdict: true },
  { filter: 'event.type.startsWith("order.") && !event.type.endsWith("deleted")', verdict: true },
  { filter: 'event.source.contains("shop") || event.stream == "x"', verdict: true },
  { filter: 'event.sequence > 41 && event.stream_revision <= 3 && event.id == "01" && event.key != ""', verdict: true },
  { filter: 'payload.items.exists(i, i.sku == "y" && i.qty == 0)', verdict: true },
  { filter: "payload.items.all(i, i.qty > 0)", verdict: false },
  { filter: 'payload.tags.exists(t, t > 1 || t == "b")', verdict: true },
  { filter: 'payload.tags.exists(t, t > 1) || payload.tags.all(t, t == "b" && t > 1)', verdict: false },
  { filter: "payload.items.exists_one(i, i.qty > 1)", verdict: true },
  { filter: 'payload.items.filter(i, i.qty > 1).map(i, i.sku) == ["x"]', verdict: true },
  { filter: '"a" in payload.tags && size(payload.tags) == 2', verdict: true },
  { filter: 'payload.vip ? payload.name == "Ada" : false', verdict: true },
  { filter: "event.tombstone", event: "bytes", verdict: true },
  { filter: 'event.payload == b"\\xff\\x00"', event: "bytes", verdict: true },
  { filter: "true", verdict: true },
  { filter: "false", verdict: false },

  // Numbers: ints, uints and doubles are compared by value; JSON's are doubles.
  { filter: "payload.count == 3 && payload.count == 3u && payload.count == 3.0", verdict: true },
  { filter: "event.sequence == 42u && event.sequence == 42.0 && event.sequence < 42.5", verdict: true },
  { filter: "payload.big == 9007199254740993", verdict: false },
  { filter: "payload.big == 9007199254740992", verdict: true },
  { filter: "payload.total + 0.5 == 13.0", verdict: true },
  { filter: "payload.total + 1 == 13.5", verdict: false },
  { filter: "event.sequence / 5 == 8 && event.sequence % 5 == 2 && -event.sequence < 0", verdict: true },
  { filter: "event.sequence + 9223372036854775807 > 0", verdict: false },
  { filter: "0.0 / (payload.total - 12.5) == 0.0 / (payload.total - 12.5)", verdict: false },
  { filter: "event.sequence == 9223372036854775808", verdict: refused("out of the range of int", 18) },
  { filter: "event.sequence == 18446744073709551616u", verdict: refused("out of the range of uint") },
  { filter: "1 / 0 == 1", verdict: refused("always fails") },

  // Times.
  { filter: 'event.timestamp > timestamp("2023-11-14T22:13:20Z")', verdict: true },
  { filter: 'event.timestamp == timestamp("2023-11-14T22:13:20.000000005Z")', verdict: true },
  { filter: 'event.publish_time - event.timestamp < duration("1s")', verdict: true },
  { filter: "event.timestamp.getFullYear() == 2023 && event.timestamp.getHours() == 22", verdict: true },
  { filter: 'timestamp("2024-03-31T02:30:00Z").getHours() == 2 && event.sequence > 0', verdict: true },
  { filter: 'timestamp("0050-12-31T23:59:59.999Z").getDayOfYear() == 364 && event.sequence > 0', verdict: true },
  { filter: 'event.timestamp.getHours("Europe/Berlin") == 23', verdict: refused("unknown function .getHours") },
  { filter: 'event.timestamp > timestamp("yesterday")', verdict: refused("always fails") },
  { filter: 'event.timestamp < event.type || event.type == "order.created"', verdict: true },
  { filter: "event.timestamp == 1700000000", verdict: false },

  // What is missing fails; an expression that fails does not match, however it is turned.
  { filter: "payload.missing == 1", verdict: false },
  { filter: "payload.missing != 1", verdict: false },
  { filter: "!(payload.missing == 1)", verdict: false },
  { filter: 'payload.missing == 1 || event.type == "order.created"', verdict: true },
  { filter: "payload.user.name.first == 1", verdict: false },
  {
    filter: 'has(payload.total) && !has(payload.missing) && has(payload.user.id) && "total" in payload',
    verdict: true,
  },
  { filter: 'has(payload.none) && payload.none == null && "none" in payload', verdict: true },
  { filter: "has(payload.missing.deeper)", verdict: false },
  { filter: "!has(payload.missing.deeper)", verdict: false },
  { filter: "!has(payload.name.first)", verdict: false },
  { filter: 'event.attributes["missing"] == ""', verdict: false },
  { filter: "has(event.key) && !has(event.tombstone) && has(event.attributes) && has(event.timestamp)", verdict: true },
  { filter: 'has(event.attributes.region) && !("x" in event.attributes)', verdict: true },
  { filter: "payload.tags[5] == 'a'", verdict: false },
  { filter: "payload.tags[1] == 'b' && payload.tags[1u] == 'b'", verdict: true },
  { filter: "payload.tags[-1] == 'b'", verdict: false },
  { filter: "payload[0] == 1 && size(payload) == 3", event: "list", verdict: true },

  // Names are only ever names.
  { filter: "payload.constructor == 7 && payload.__proto__.evil == 1", verdict: true },
  { filter: 'event.attributes["__proto__"] == "p"', verdict: true },
  { filter: "has(payload.toString) || has(payload.hasOwnProperty)", verdict: false },
  { filter: "payload.user.__proto__ == payload.user.constructor", verdict: false },
  { filter: 'event.attributes["constructor"] != ""', verdict: false },
  { filter: "payload.items.exists(__proto__, __proto__.qty == 2)", verdict: true },
  { filter: "payload.items.exists(constructor, constructor.constructor == 1)", verdict: false },

  // Types that do not fit.
  { filter: "payload.name > 5", verdict: false },
  { filter: "payload.name == 5", verdict: false },
  { filter: "payload.name != 5", verdict: true },
  { filter: "payload.total && true", verdict: false },
  { filter: "payload.total", verdict: false },
  { filter: "payload.tags", verdict: false },
  { filter: 'payload.total.startsWith("1")', verdict: false },
  { filter: 'size(payload.total) == 1 || !(payload.total in "x")', verdict: false },
  { filter: "payload.name in payload.total", verdict: false },
  { filter: "!payload.total", verdict: false },
  {
    filter: "type(payload.total) == double && type(payload.name) == string && type(payload.tags) == list",
    verdict: true,
  },
  { filter: "int(payload.name) == 1", verdict: false },
  { filter: "!(double(payload.name) > 0.0) || double(payload.name) != 0.0", verdict: false },
  { filter: "payload.items[0.5] == 1 || payload.items[1.0].qty == 0", verdict: true },
  { filter: 'string(payload.count) == "3" && int("42") == event.sequence && double("1.5") == 1.5', verdict: true },
  { filter: '"o" + "k" == "ok" && [1] + [2] == [1, 2] && {"a": 1}["a"] == 1', verdict: true },

  // Payloads that are no JSON, or too much of it.
  { filter: "payload.a == 1", event: "badJson", verdict: false },
  { filter: "payload.a == 1", event: "vendorJson", verdict: true },
  { filter: "payload.a == 1 || has(payload.a) || !has(payload.a)", event: "text", verdict: false },
  { filter: 'string(event.payload) == "{\\"a\\":1}"', event: "text", verdict: true },
  { filter: "string(event.payload) == ''", event: "bytes", verdict: false },
  { filter: "has(payload.a)", event: "deep", verdict: true },
  { filter: "payload == payload || payload != payload", event: "tooDeep", verdict: false },
  { filter: "size(payload.items) == 2000", event: "values", verdict: true },
  { filter: "size(payload.items) == 2100", event: "tooManyValues", verdict: false },
  { filter: "size(payload.text) > 0", event: "mebibyte", verdict: false },
  { filter: "size(event.payload) > 1000000 && event.payload == event.payload", event: "mebibyte", verdict: true },

  // What is refused.
  { filter: "", verdict: refused("end of input", 0) },
  { filter: 'event.type = "x"', verdict: refused("found =", 11) },
  { filter: 'event.type == "x', verdict: refused("found") },
  { filter: '"\\ud800" == event.type', verdict: refused("surrogate") },
  { filter: "event", verdict: refused("event has fields", 0) },
  { filter: 'event["type"] == "x"', verdict: refused("event has fields") },
  { filter: "event.tpye == 'x'", verdict: refused('event has no field "tpye"') },
  { filter: "event.resume_token == ''", verdict: refused("event has no field") },
  { filter: "request.user == 'x'", verdict: refused('unknown name "request"', 0) },
  { filter: "constructor == 1", verdict: refused('unknown name "constructor"') },
  { filter: "__proto__ == 1", verdict: refused('unknown name "__proto__"') },
  { filter: "toString() == 1", verdict: refused("unknown function toString") },
  { filter: "event.type.lowerAscii() == 'x'", verdict: refused("unknown function .lowerAscii") },
  { filter: "size(event.type, 1) == 1", verdict: refused("unknown function size with arguments: 2") },
  { filter: "google.protobuf.Timestamp{seconds: 1} == event.timestamp", verdict: refused("unknown type") },
  { filter: "1", verdict: refused("is not a condition") },
  { filter: "'true'", verdict: refused("is not a condition") },
  { filter: "event.type", verdict: refused("is not a condition") },
  { filter: "event.sequence + 1", verdict: refused("is not a condition") },
  { filter: "event.tombstone || event.type", verdict: refused("is not a condition") },
  { filter: "payload.items.map(i, i.qty)", verdict: refused("is not a condition") },
  { filter: "event.type ? true : false", verdict: refused("is not a condition") },
  { filter: "payload.items.exists(event, true)", verdict: refused("variable") },
  { filter: "payload.items.exists(i, payload.items.exists(j, i == j))", verdict: refused("a loop inside of a loop") },
  { filter: "payload.items.exists(i)", verdict: refused("unknown function .exists") },

  // Size and depth.
  { filter: `event.type == "${"x".repeat(4079)}"`, verdict: false },
  { filter: `event.type == "${"x".repeat(4082)}"`, verdict: refused("at most 4096 are allowed", 4096) },
  { filter: repeated("event.tombstone", 128, " || "), verdict: false },
  { filter: repeated("event.tombstone", 129, " || "), verdict: refused("more than 256") },
  { filter: repeated("payload.a", 330, "?"), verdict: refused("found") },
  { filter: repeated("a", 1025, "+"), verdict: refused("too many parts") },
  { filter: repeated("1?2:", 600, "") + "3", verdict: refused("too many parts") },
  { filter: `event.type == "${"(".repeat(2000)}"`, verdict: false },
  { filter: `${"(".repeat(1000)}true${")".repeat(1000)}`, verdict: refused("nested") },
  { filter: `${"!(".repeat(20)}event.tombstone${")".repeat(20)}`, verdict: false },
  { filter: `payload${".a".repeat(29)} == 1`, event: "deep", verdict: false },
  { filter: `payload${".a".repeat(31)} == 1`, event: "deep", verdict: refused("nested deeper than 32") },
  { filter: `${"[".repeat(40)}${"]".repeat(40)} == []`, verdict: refused("nested deeper than 32") },

  // Regular expressions: RE2, within limits on the pattern and on the text.
  { filter: 'event.type.matches("^order\\\\.(created|paid)$")', verdict: true },
  { filter: 'event.id.matches("^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")', verdict: false },
  { filter: 'payload.name.matches("^\\\\pL+$")', verdict: true },
  { filter: 'payload.total.matches("1")', verdict: false },
  { filter: 'event.type.matches("(")', verdict: refused("not valid in RE2") },
  { filter: 'event.type.matches("(?=x)")', verdict: refused("not valid in RE2") },
  { filter: 'event.type.matches("(a)\\\\1")', verdict: refused("not valid in RE2") },
  { filter: "event.type.matches(event.id)", verdict: refused("may not depend on the event") },
  { filter: 'event.type.matches("^(a+)+$")', verdict: false },
  { filter: 'event.type.matches("a{1000}")', verdict: refused("repetitions") },
  { filter: 'event.type.matches("((a{20}){20}){20}")', verdict: refused("repetitions") },
  { filter: `event.type.matches("${"x".repeat(257)}")`, verdict: refused("more than 256 characters") },
  { filter: 'event.attributes["text"].matches("^(a+)+$")', event: "attributes", verdict: false },
  { filter: 'event.attributes["text"].matches("(a|aa)+$")', event: "attributes", verdict: false },
  { filter: 'payload.text.matches("^(a+)+$")', event: "longText", verdict: false },
  { filter: 'payload.text.matches("(x+x+)+y")', event: "longText", verdict: false },
  { filter: repeated('event.type.matches("^(a+)+b$")', 40, "||"), verdict: false },
  { filter: 'payload.items.exists(i, string(i).matches("(a?){20}(a{20})$"))', event: "values", verdict: false },

  // Evaluations that would take too long do not match, whatever they would give.
  {
    filter: `payload.text.contains("${"a".repeat(1000)}b${"a".repeat(1000)}") || true || event.tombstone`,
    event: "longText",
    verdict: false,
  },
  { filter: 'payload.text.contains("b") || payload.text.startsWith("a")', event: "longText", verdict: true },
  { filter: "payload.items.exists(i, i == 1999)", event: "values", verdict: true },
  { filter: "payload.items.map(i, i) == payload.items", event: "values", verdict: false },
  { filter: "payload.items.map(i, i).filter(i, i >= 0).exists(i, i == 0)", event: "values", verdict: false },
  { filter: "payload.items.map(i, string(i)) != []", event: "values", verdict: false },
  { filter: "payload.items.exists(i, i.a == 599)", event: "objects", verdict: true },
  { filter: "payload == payload && payload.items == payload.items + []", event: "objects", verdict: true },
  { filter: repeated("-1 in payload.items", 40, "||"), event: "values", verdict: false },
  { filter: "payload.all(k, payload[k] >= 0)", event: "keys", verdict: true },
  { filter: "payload.key1999 == 1999", event: "keys", verdict: true },
  { filter: "size(payload.text) == 84000", event: "unicode", verdict: true },
  { filter: repeated("size(payload.text) == 0", 40, "||"), event: "unicode", verdict: false },
  { filter: repeated('payload.text + "x" == "y"', 36, "||"), event: "longText", verdict: false },
  { filter: repeated("payload.text < payload.text", 40, "||"), event: "longText", verdict: false },
  { filter: repeated('bytes(payload.text) == b"x"', 40, "||"), event: "unicode", verdict: false },
  { filter: repeated("event.payload != event.payload", 40, "||"), event: "mebibyte", verdict: false },
  { filter: repeated('string(event.payload) == "x"', 40, "||"), event: "mebibyte", verdict: false },
  { filter: repeated("int(payload.text) == 1", 40, "||"), event: "longText", verdict: false },
  { filter: repeated("timestamp(payload.text) == event.timestamp", 30, "||"), event: "longText", verdict: false },
  { filter: repeated("event.timestamp > event.publish_time", 40, "||"), verdict: false },
  { filter: repeated("int(event.type) == 1", 40, "||"), verdict: false },
];
