import { randomInt } from "node:crypto";

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { ServiceError } from "./service-error.js";
import { createTokenSigner, type TokenContent, type TokenScope } from "./token.js";

const SECRET = Buffer.alloc(32, 7);
const SCOPE: TokenScope = { kind: "files.list", clusterId: "c1", shape: "prefix=reports/" };
const CONTENT: TokenContent = { epoch: "e1", position: "reports/2026-11.pdf" };

const signer = createTokenSigner(SECRET);

function refused(token: string, scope: TokenScope = SCOPE, by = signer): boolean {
  try {
    by.verify(token, scope);
    return false;
  } catch (error) {
    return error instanceof ServiceError && error.reason === "INVALID_CURSOR";
  }
}

describe("a signed token", () => {
  test("gives back the epoch and the position that went in, text or number", () => {
    const position = fc.oneof(fc.string({ unit: "binary", maxLength: 1024 }), fc.maxSafeInteger());
    const property = fc.property(fc.string(), position, fc.string(), (epoch, at, shape) => {
      const scope = { ...SCOPE, shape };
      expect(signer.verify(signer.sign({ ...scope, epoch, position: at }), scope)).toEqual({ epoch, position: at });
    });
    fc.assert(property, { seed: printedSeed(), numRuns: 2000 });
  });

  test("is base64url text, so that it can stand in a URL", () => {
    expect(signer.sign({ ...SCOPE, ...CONTENT })).toMatch(/^[A-Za-z0-9_-]+$/);
  });

  test("is refused for another kind, cluster, shape or secret", () => {
    const token = signer.sign({ ...SCOPE, ...CONTENT });
    expect(refused(token)).toBe(false);
    expect(refused(token, { ...SCOPE, kind: "uploads.list" })).toBe(true);
    expect(refused(token, { ...SCOPE, clusterId: "c2" })).toBe(true);
    expect(refused(token, { ...SCOPE, shape: "prefix=" })).toBe(true);
    expect(refused(token, SCOPE, createTokenSigner(Buffer.alloc(32, 8)))).toBe(true);
  });

  test("is refused with any single bit flipped, in its bytes or in its text", () => {
    const token = signer.sign({ ...SCOPE, ...CONTENT });
    const bytes = Buffer.from(token, "base64url");
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      expect(refused(flipBit(bytes, bit).toString("base64url"))).toBe(true);
    }
    const text = Buffer.from(token, "latin1");
    for (let bit = 0; bit < text.length * 8; bit += 1) {
      expect(refused(flipBit(text, bit).toString("latin1"))).toBe(true);
    }
  });

  test("is refused in another spelling of the same bytes", () => {
    const token = signer.sign({ ...SCOPE, ...CONTENT });
    for (const spelling of [
      `${token}=`,
      `${token} `,
      `\n${token}`,
      Buffer.from(token, "base64url").toString("base64"),
    ]) {
      expect(spelling === token || refused(spelling)).toBe(true);
    }
  });

  test("is refused when it is too short, too long or not a token at all", () => {
    for (const text of ["", "AQ", "x".repeat(22), "x".repeat(100_000), "🙂", "null"]) expect(refused(text)).toBe(true);
  });

  test("is refused in 100,000 tampered forms", () => {
    const seed = printedSeed();
    const tokens = [1, 2, 3, 4].map((n) => signer.sign({ ...SCOPE, ...CONTENT, position: n * 1_000_003 }));
    const genuine = new Set(tokens);
    const forms = fc.sample(tamperedForms(tokens), { seed, numRuns: 120_000 });
    const tampered = forms.filter((text) => !genuine.has(text)).slice(0, 100_000);
    expect(tampered.filter((text) => !refused(text))).toEqual([]);
    expect(tampered).toHaveLength(100_000);
  }, 120_000);

  test("needs a secret of at least 16 bytes", () => {
    expect(() => createTokenSigner(Buffer.alloc(15))).toThrow(RangeError);
  });

  test("that would be too long to be accepted again is not given out", () => {
    expect(() => signer.sign({ ...SCOPE, ...CONTENT, position: "x".repeat(20_000) })).toThrow(RangeError);
  });
});

/** Flips, cuts, swaps, insertions and splices of the given tokens. */
function tamperedForms(tokens: readonly string[]): fc.Arbitrary<string> {
  const token = fc.constantFrom(...tokens);
  const at = fc.nat(500);
  const flip = fc.tuple(token, fc.array(at, { minLength: 1, maxLength: 4 })).map(([text, bits]) => {
    const bytes: Buffer = Buffer.from(text, "base64url");
    return bits.reduce((flipped, bit) => flipBit(flipped, bit % (bytes.length * 8)), bytes).toString("base64url");
  });
  const cut = fc.tuple(token, at).map(([text, end]) => text.slice(0, end % text.length));
  const swap = fc.tuple(token, at, at).map(([text, a, b]) => swapped(text, a % text.length, b % text.length));
  const insert = fc.tuple(token, at, fc.string({ minLength: 1, maxLength: 3 }));
  const inserted = insert.map(([text, i, more]) => text.slice(0, i % text.length) + more + text.slice(i % text.length));
  const splice = fc.tuple(token, token, at).map(([a, b, i]) => a.slice(0, i % a.length) + b.slice(i % a.length));
  return fc.oneof({ weight: 6, arbitrary: flip }, cut, swap, inserted, splice);
}

function flipBit(bytes: Buffer, bit: number): Buffer {
  const flipped = Buffer.from(bytes);
  flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return flipped;
}

function swapped(text: string, a: number, b: number): string {
  const characters = [...text];
  [characters[a], characters[b]] = [characters[b] ?? "", characters[a] ?? ""];
  return characters.join("");
}

describe("a key of a signer", () => {
  test("is the same for the same purpose, and another for any other purpose or secret", () => {
    const key = signer.keyFor("positions");
    expect(key).toHaveLength(32);
    expect(signer.keyFor("positions")).toEqual(key);
    expect(signer.keyFor("position")).not.toEqual(key);
    expect(createTokenSigner(Buffer.alloc(32, 8)).keyFor("positions")).not.toEqual(key);
  });
});

function printedSeed(): number {
  const seed = randomInt(2 ** 31);
  process.stdout.write(`token.test.ts: seed ${seed}\n`);
  return seed;
}
