import { randomInt } from "node:crypto";

import { describe, expect, test } from "@jest/globals";
import { createTokenSigner, ServiceError } from "@millrace/shared-types";
import fc from "fast-check";

import { Positions, TOKEN_CHARS } from "./positions.js";

const signer = createTokenSigner(Buffer.alloc(32, 1));
const positions = new Positions(signer, "c1", "e1");

function reasonOf(token: string, by = positions): string | undefined {
  try {
    by.sequenceOf(token);
    return undefined;
  } catch (error) {
    return error instanceof ServiceError ? error.reason : "another error";
  }
}

describe("a position in the log", () => {
  test("is the same as text and as bytes", () => {
    const target = Buffer.alloc(TOKEN_CHARS + 2, "-");
    const property = fc.property(fc.maxSafeInteger().map(Math.abs), (sequence) => {
      positions.writeTokenAfter(sequence, target, 1);
      expect(target.toString("latin1")).toBe(`-${positions.tokenAfter(sequence)}-`);
    });
    fc.assert(property);
  });

  test("gives back the sequence that went in", () => {
    const property = fc.property(fc.maxSafeInteger().map(Math.abs), (sequence) => {
      expect(positions.sequenceOf(positions.tokenAfter(sequence))).toBe(sequence);
    });
    fc.assert(property, { seed: printedSeed(), numRuns: 2000 });
    for (const edge of [0, 2 ** 48 - 1, 2 ** 48, Number.MAX_SAFE_INTEGER]) {
      expect(positions.sequenceOf(positions.tokenAfter(edge))).toBe(edge);
    }
  });

  test("is the same whether it is asked for in turn, backwards or at random", () => {
    const alone = (sequence: number): string => new Positions(signer, "c1", "e1").tokenAfter(sequence);
    const turns = Array.from({ length: 300 }, (_, n) => n);
    const jumps = turns.map((n) => (n * 37) % 300);
    const pairs = turns.flatMap((n) => [n, n + 1, 5000 - n, n + 2]);
    const last = [Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER];
    for (const asked of [turns, turns.toReversed(), jumps, pairs, last]) {
      const one = new Positions(signer, "c1", "e1");
      expect(asked.map((sequence) => one.tokenAfter(sequence))).toEqual(asked.map(alone));
    }
  });

  test("is short text that can stand in a URL", () => {
    expect(positions.tokenAfter(7)).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  test("is refused if it is of another cluster, another secret or nothing of the kind", () => {
    expect(reasonOf(new Positions(signer, "c2", "e1").tokenAfter(7))).toBe("INVALID_CURSOR");
    const other = createTokenSigner(Buffer.alloc(32, 2));
    expect(reasonOf(new Positions(other, "c1", "e1").tokenAfter(7))).toBe("INVALID_CURSOR");
    for (const text of ["", "7", "x".repeat(43), "A".repeat(43), "\u{1f600}", "A".repeat(1_000_000)]) {
      expect(reasonOf(text)).toBe("INVALID_CURSOR");
    }
  });

  test("of an earlier log says so", () => {
    expect(reasonOf(new Positions(signer, "c1", "e0").tokenAfter(7))).toBe("EPOCH_CHANGED");
  });

  test("is refused with any single bit flipped, in its bytes or in its text", () => {
    const token = positions.tokenAfter(123_456_789);
    for (const bytes of [Buffer.from(token, "base64url"), Buffer.from(token, "latin1")]) {
      const encoding = bytes.length === token.length ? "latin1" : "base64url";
      for (let bit = 0; bit < bytes.length * 8; bit += 1) {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(reasonOf(flipped.toString(encoding))).toBe("INVALID_CURSOR");
      }
    }
  });

  test("is refused in any of 100,000 forms that somebody could make of others", () => {
    const tokens = Array.from({ length: 1000 }, (_, n) => Buffer.from(positions.tokenAfter(n), "base64url"));
    let accepted = 0;
    for (let n = 0; n < 100_000; n += 1) {
      const [block, mac] = [tokens[n % 1000], tokens[(n + 1 + (n % 997)) % 1000]];
      if (block === undefined || mac === undefined || block === mac) continue;
      const mixed = Buffer.concat([block.subarray(0, 16), mac.subarray(16)]).toString("base64url");
      if (reasonOf(mixed) !== "INVALID_CURSOR") accepted += 1;
    }
    expect(accepted).toBe(0);
  });
});

function printedSeed(): number {
  const seed = randomInt(2 ** 31);
  process.stdout.write(`positions.test.ts: seed ${String(seed)}\n`);
  return seed;
}
