import { expect, it } from "@jest/globals";
import { createTokenSigner, Event } from "@millrace/shared-types";
import fc from "fast-check";

import { readRecords } from "../adapters/embedded/sqlite-event-record.js";
import { RecordWriter } from "../adapters/embedded/sqlite-event-record-writer.js";

import { draftOf, toBytes, toBytesWithoutPayload } from "./event-message.js";
import { packedEventBytes } from "./packed-event-bytes.js";
import { Positions } from "./positions.js";

const positions = new Positions(createTokenSigner(Buffer.alloc(32, 1)), "c1", "e1");

const text = fc.string({ unit: "grapheme", maxLength: 80 });
const published = fc.record({
  id: text,
  type: text,
  key: text,
  payload: fc.uint8Array({ maxLength: 20_000 }).map((bytes) => Buffer.from(bytes)),
  tombstone: fc.boolean(),
  timestamp: fc.option(fc.record({ seconds: fc.nat(), nanos: fc.nat({ max: 999_999_999 }) }), { nil: undefined }),
  contentType: text,
  source: text,
});
const numbers = fc.oneof(fc.nat({ max: Number.MAX_SAFE_INTEGER }), fc.constantFrom(1, 127, 128, 2 ** 31, 2 ** 32));
const places = fc.record({
  sequence: numbers,
  revision: numbers,
  appendStart: numbers,
  appendEnd: numbers,
  storedAtMs: fc.oneof(fc.constant(1), fc.integer({ min: -(10 ** 12), max: 10 ** 13 })),
});

it("writes stored events byte for byte as they are written from objects", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(published, text, places), { maxLength: 8 }), (batch) => {
      const writer = new RecordWriter(1024);
      for (const [fields, stream, place] of batch) {
        writer.add({ ...draftOf(Event.fromPartial(fields)), stream }, place);
      }
      const records = readRecords(writer.finish());
      const written = records.map((record) => [
        packedEventBytes(record, positions, true),
        packedEventBytes(record, positions, false),
      ]);
      for (const [index, record] of records.entries()) {
        const token = positions.tokenAfter(record.sequence);
        const expected = [toBytes(record.event(), token), toBytesWithoutPayload(record.event(), token)];
        expect(written[index]?.map((bytes) => Buffer.from(bytes))).toEqual(expected.map((bytes) => Buffer.from(bytes)));
      }
    }),
  );
});
