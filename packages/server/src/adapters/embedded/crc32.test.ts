import { crc32 as crc32Of } from "node:zlib";

import { expect, it } from "@jest/globals";
import fc from "fast-check";

import { crc32, viewOf } from "./crc32.js";

it("is what zlib says, of parts of any length at any place", () => {
  const content = fc.uint8Array({ maxLength: 700, size: "max" });
  fc.assert(
    fc.property(content, fc.nat(700), fc.nat(700), (bytes, first, second) => {
      const [begin, end] = [Math.min(first, second, bytes.length), Math.min(Math.max(first, second), bytes.length)];
      expect(crc32(viewOf(Buffer.from(bytes)), begin, end)).toBe(crc32Of(bytes.subarray(begin, end)));
    }),
    { numRuns: 1000 },
  );
});
