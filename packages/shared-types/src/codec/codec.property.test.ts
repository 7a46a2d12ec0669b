import { randomInt } from "node:crypto";
import { isDeepStrictEqual } from "node:util";

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { arbitraryMessage, generatedTypes, loadProtos, schemasOf, toPlain } from "../contract.test.support.js";
import type { MessageType } from "../service-definition.js";
import { decodeMessage, encodeMessage, MalformedMessageError } from "./codec.js";

const MESSAGES = 100_000;
const MUTATIONS = 100_000;

const schemas = schemasOf(loadProtos());
const generated = await generatedTypes();
const names = [...generated.keys()].filter((name) => schemas.has(name));

const seed = randomInt(2 ** 31);
process.stdout.write(`codec.property.test.ts: seed ${seed}\n`);

/** What the stock codec of ts-proto makes of a message. */
function stockBytes(type: MessageType<unknown>, message: unknown): Buffer {
  return Buffer.from(type.encode(message).finish());
}

function typeOf(name: string): MessageType<unknown> {
  return generated.get(name) as MessageType<unknown>;
}

function schemaOf(name: string): ReturnType<typeof schemas.get> & {} {
  return schemas.get(name) as ReturnType<typeof schemas.get> & {};
}

describe("the fast codec", () => {
  test("is tested on every message of the contract", () => {
    const messages = [...schemas.keys()].filter((name) => name.startsWith("streaming.v1."));
    expect(messages.length).toBeGreaterThan(40);
    expect(messages.filter((name) => !names.includes(name))).toEqual([]);
    const exported = [...generated.keys()].filter((name) => !name.endsWith("Entry"));
    expect(names.toSorted()).toEqual(exported.toSorted());
  });

  test.each(names)("writes %s byte for byte as the stock codec does, and reads it alike", (name) => {
    const type = typeOf(name);
    const property = fc.property(arbitraryMessage(schemaOf(name)), (message) => {
      const bytes = encodeMessage(type, message);
      if (!bytes.equals(stockBytes(type, message))) throw new Error("other bytes than the stock codec");
      const read = decodeMessage(type, bytes);
      if (!isDeepStrictEqual(read, type.decode(bytes))) throw new Error("another message than the stock codec");
      if (!isDeepStrictEqual(read, message)) throw new Error("another message than was written");
    });
    fc.assert(property, { seed, numRuns: Math.ceil(MESSAGES / names.length) });
  });

  test.each(names)("agrees with protobufjs on %s", (name) => {
    const [type, schema] = [typeOf(name), schemaOf(name)];
    const property = fc.property(arbitraryMessage(schema), (message) => {
      const theirs = schema.encode(schema.create(toPlain(schema, message))).finish();
      expect(decodeMessage(type, Buffer.from(theirs))).toEqual(message);
      // Not compared as bytes: protobufjs writes the empty keys and values of maps too.
      expect(schema.decode(encodeMessage(type, message))).toEqual(schema.decode(theirs));
    });
    fc.assert(property, { seed, numRuns: 50 });
  });

  test.each(names)("makes of a damaged %s a message or a MalformedMessageError, nothing else", (name) => {
    const type = typeOf(name);
    const property = fc.property(arbitraryMessage(schemaOf(name)), MUTATION, (message, mutation) => {
      const damaged = mutated(encodeMessage(type, message), mutation);
      const read = readOrRefuse(type, damaged);
      // What is accepted, the stock codec reads alike.
      if (read !== undefined && !isDeepStrictEqual(read, type.decode(damaged))) throw new Error("read differently");
    });
    fc.assert(property, { seed, numRuns: Math.ceil(MUTATIONS / names.length) });
  });

  test("makes of random bytes a message or a MalformedMessageError, nothing else", () => {
    const property = fc.property(fc.constantFrom(...names), fc.uint8Array({ maxLength: 64 }), (name, bytes) => {
      readOrRefuse(typeOf(name), bytes);
    });
    fc.assert(property, { seed, numRuns: 20_000 });
  });
});

function readOrRefuse(type: MessageType<unknown>, bytes: Uint8Array): unknown {
  try {
    return decodeMessage(type, bytes);
  } catch (error) {
    if (error instanceof MalformedMessageError) return undefined;
    throw error;
  }
}

interface Mutation {
  readonly kind: "set" | "insert" | "delete" | "cut" | "repeat";
  readonly at: number;
  readonly value: number;
}

const MUTATION: fc.Arbitrary<readonly Mutation[]> = fc.array(
  fc.record({
    kind: fc.constantFrom("set", "insert", "delete", "cut", "repeat"),
    at: fc.nat(),
    value: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)),
  }),
  { minLength: 1, maxLength: 4 },
);

function mutated(bytes: Buffer, mutations: readonly Mutation[]): Buffer {
  let result: Uint8Array = bytes;
  for (const { kind, at, value } of mutations) {
    // Near the start, where the structure is: most of a message is content.
    const index = at % Math.min(result.length + 1, 200);
    const [before, after] = [result.subarray(0, index), result.subarray(index)];
    if (kind === "set") result = Buffer.concat([before, Buffer.of(value), after.subarray(1)]);
    else if (kind === "insert") result = Buffer.concat([before, Buffer.of(value), after]);
    else if (kind === "delete") result = Buffer.concat([before, after.subarray(1)]);
    else if (kind === "cut") result = before;
    else result = Buffer.concat([before, after, after]);
  }
  return Buffer.from(result);
}
