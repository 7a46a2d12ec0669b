import { randomInt } from "node:crypto";

import { describe, expect, it } from "@jest/globals";
import { decodeMessage, encodeMessage, Event } from "@millrace/shared-types";
import fc from "fast-check";

import type { LogEvent } from "../ports/event-log.js";

import { draftOf, toBytes, toBytesWithoutPayload, toMessage, withPreviousPayload } from "./event-message.js";

const timestamp = fc.record({
  seconds: fc.integer({ min: -1e9, max: 1e10 }),
  nanos: fc.integer({ min: 0, max: 1e9 - 1 }),
});
const published = fc.record({
  id: fc.string(),
  type: fc.string(),
  payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  timestamp: fc.option(timestamp, { nil: undefined }),
  attributes: fc.array(fc.tuple(fc.string(), fc.string())).map((entries) => new Map(entries)),
  key: fc.string(),
  tombstone: fc.boolean(),
  contentType: fc.string(),
  source: fc.string(),
});

const storedAtMs = Date.UTC(2026, 0, 1) + 7;

function stored(fields: Partial<Event>): LogEvent {
  const draft = draftOf(Event.fromPartial(fields));
  return { ...draft, sequence: 300, stream: "s", revision: 5, appendEnd: 301, storedAtMs };
}

describe("an event", () => {
  const seed = randomInt(2 ** 31);
  process.stdout.write(`event-message.test.ts: seed ${String(seed)}\n`);

  it("comes back as it was published, with its place; its bytes are those of the message", () => {
    const property = fc.property(published, (fields) => {
      const event = stored(fields);
      const message = toMessage(event, "token");
      const publishTime = { seconds: Math.floor(storedAtMs / 1000), nanos: 7_000_000 };
      const place = { sequence: 300, stream: "s", streamRevision: 5, resumeToken: "token", publishTime };
      expect(message).toEqual(Event.fromPartial({ timestamp: publishTime, ...withoutUndefined(fields), ...place }));
      expect(decodeMessage(Event, toBytes(event, "token"))).toEqual(
        decodeMessage(Event, encodeMessage(Event, message)),
      );
    });
    fc.assert(property, { seed, numRuns: 500 });
  });

  it("can be sent without its payload, and with the one before", () => {
    const event = stored({ id: "a", payload: Buffer.from("content"), attributes: new Map([["k", "v"]]) });
    const plain = toMessage(event, "t");
    const without = decodeMessage(Event, toBytesWithoutPayload(event, "t"));
    expect({ ...without, payload: plain.payload }).toEqual(plain);
    expect(without.payload).toHaveLength(0);
    for (const size of [0, 1, 127, 128, 300_000]) {
      const bytes = withPreviousPayload(toBytes(event, "t"), Buffer.alloc(size, 7));
      expect(decodeMessage(Event, bytes).previousPayload).toEqual(Buffer.alloc(size, 7));
    }
  });

  it("has the same head whatever the order of its attributes, and another one if anything differs", () => {
    const entries = [
      ["b", "1"],
      ["a", "2"],
      ["é", "3"],
      ["", "4"],
    ] as const;
    const head = (fields: Partial<Event>): string => Buffer.from(stored(fields).head).toString("hex");
    const sorted = head({ attributes: new Map(entries) });
    expect(head({ attributes: new Map(entries.toReversed()) })).toBe(sorted);
    const heads = [
      sorted,
      head({ attributes: new Map([["b", "1"]]) }),
      head({ timestamp: { seconds: 0, nanos: 0 } }),
      head({ source: "x" }),
      head({ contentType: "x" }),
      head({}),
    ];
    expect(new Set(heads).size).toBe(heads.length);
  });
});

function withoutUndefined<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}
