import { randomBytes } from "node:crypto";

import { describe, expect, test } from "@jest/globals";

import { combineCrc32c, crc32c } from "./checksum.js";

describe("crc32c", () => {
  test.each([
    ["", 0x00000000],
    ["a", 0xc1d04330],
    ["123456789", 0xe3069283],
    ["\0".repeat(32), 0x8a9136aa],
  ])("of %j is the published value of CRC-32C (Castagnoli)", (text, expected) => {
    expect(crc32c(Buffer.from(text))).toBe(expected);
  });

  test("goes on from the checksum of what came before", () => {
    const data = randomBytes(1000);
    expect(crc32c(data.subarray(400), crc32c(data.subarray(0, 400)))).toBe(crc32c(data));
  });
});

describe("combineCrc32c", () => {
  test("gives the checksum of the whole from those of two parts, at every cut", () => {
    const data = randomBytes(300);
    for (let cut = 0; cut <= data.length; cut += 1) {
      const [a, b] = [data.subarray(0, cut), data.subarray(cut)];
      expect(combineCrc32c(crc32c(a), crc32c(b), b.length)).toBe(crc32c(data));
    }
  });

  test("gives the checksum of many parts, one after the other", () => {
    const parts = [1_048_576, 0, 1, 65_537, 3].map((length) => randomBytes(length));
    const combined = parts.reduce((sum, part) => combineCrc32c(sum, crc32c(part), part.length), 0);
    expect(combined).toBe(crc32c(Buffer.concat(parts)));
  });

  test("handles parts longer than 32 bits can count", () => {
    const [half, a] = [2 ** 40, 0x12345678];
    const zeros = (n: number): number => combineCrc32c(a, 0, n);
    expect(combineCrc32c(zeros(half), 0, half)).toBe(zeros(2 * half));
  });

  test("refuses a length that is none", () => {
    for (const length of [-1, 0.5, Number.NaN, 2 ** 53]) expect(() => combineCrc32c(1, 2, length)).toThrow(RangeError);
  });
});
