import { describe, expect, it } from "@jest/globals";
import { encodeMessage, Event, toTimestamp } from "@millrace/shared-types";
import fc from "fast-check";

import { protoFields, protoMapJson, protoText, protoTimeMs } from "./proto-fields.js";

const NOTHING: Event = Event.fromPartial({});

describe("fields of a serialized message", () => {
  it("are what the generated code wrote", () => {
    const time = fc.date({ min: new Date("0001-01-01"), max: new Date("9999-12-31"), noInvalidDate: true });
    const text = fc.string({ unit: "grapheme" });
    const attributes = fc.array(fc.tuple(text, text)).map((pairs) => new Map(pairs));
    fc.assert(
      fc.property(text, text, attributes, fc.option(time), fc.nat(), (source, contentType, map, at, sequence) => {
        const timestamp = at === null ? undefined : toTimestamp(at);
        const bytes = encodeMessage(Event, { ...NOTHING, source, contentType, attributes: map, timestamp, sequence });
        expect(protoText(bytes, 13)).toBe(source);
        expect(protoText(bytes, 12)).toBe(contentType);
        expect(JSON.parse(protoMapJson(bytes, 9))).toEqual(Object.fromEntries(map));
        expect(protoTimeMs(bytes, 4)).toBe(at?.getTime());
        expect([...protoFields(bytes)].find(({ number }) => number === 5)?.value ?? 0n).toBe(BigInt(sequence));
      }),
    );
  });

  it("of which there is none are empty", () => {
    const nothing = new Uint8Array(0);
    expect([protoText(nothing, 1), protoMapJson(nothing, 1), protoTimeMs(nothing, 1)]).toEqual(["", "{}", undefined]);
  });

  it("are refused when they are damaged", () => {
    for (const bytes of [[0x0a], [0x0a, 5, 1], [0x80], [0x0b], [0x08, ...Array.from({ length: 12 }, () => 0xff)]]) {
      expect(() => [...protoFields(Uint8Array.from(bytes))]).toThrow(/cut off|unknown kind/);
    }
  });
});
