import { describe, expect, it } from "@jest/globals";
import { decodeMessage, encodeMessage, MalformedMessageError, methodKind } from "@millrace/shared-types";
import fc from "fast-check";
import protobuf from "protobufjs";

import { ContractItem, ContractService } from "./contract-service.js";

const oracle = new protobuf.Type("ContractItem")
  .add(new protobuf.Field("n", 1, "uint32"))
  .add(new protobuf.Field("payload", 2, "bytes"));

const item = fc.record({ n: fc.nat(0xffff_ffff), payload: fc.uint8Array({ maxLength: 300 }) });

describe("ContractItem", () => {
  it("writes the bytes that another implementation reads, and the other way round", () => {
    fc.assert(
      fc.property(item, (message) => {
        const ours = encodeMessage(ContractItem, message);
        const theirs = oracle.decode(ours) as unknown as { n: number; payload: Uint8Array };
        expect(theirs.n).toBe(message.n);
        expect(Buffer.from(theirs.payload).equals(message.payload)).toBe(true);
        const back = decodeMessage(ContractItem, oracle.encode(message).finish());
        expect(back.n).toBe(message.n);
        expect(Buffer.from(back.payload).equals(message.payload)).toBe(true);
      }),
    );
  });

  it("skips fields that it does not know", () => {
    const known = encodeMessage(ContractItem, { n: 7, payload: Uint8Array.of(1, 2) });
    const unknownField = Uint8Array.of(0x1a, 2, 9, 9);
    const { n, payload } = decodeMessage(ContractItem, Buffer.concat([known, unknownField]));
    expect(n).toBe(7);
    expect([...payload]).toEqual([1, 2]);
  });

  it("refuses bytes that are no message", () => {
    expect(() => decodeMessage(ContractItem, Uint8Array.of(0x12, 200))).toThrow(MalformedMessageError);
  });

  it("fills what a partial message leaves out", () => {
    expect(ContractItem.fromPartial({})).toEqual({ n: 0, payload: new Uint8Array(0) });
  });
});

describe("ContractService", () => {
  it("has one method of each kind", () => {
    expect(Object.values(ContractService.methods).map(methodKind)).toEqual([
      "unary",
      "server-streaming",
      "client-streaming",
      "bidi-streaming",
    ]);
  });
});
