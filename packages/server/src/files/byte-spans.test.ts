import { randomInt } from "node:crypto";

import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import type { ByteSpan } from "./byte-spans.js";
import { coveredFrom, endOf, mergeSpan } from "./byte-spans.js";

const SIZE = 64;
const span = fc.tuple(fc.nat(SIZE), fc.nat(SIZE)).map(([a, b]): ByteSpan => [Math.min(a, b), Math.max(a, b)]);

describe("byte spans", () => {
  it("hold exactly the bytes that were added, ascending and with gaps, whatever the order", () => {
    const seed = randomInt(2 ** 31);
    process.stdout.write(`byte-spans.test.ts: seed ${String(seed)}\n`);
    const property = fc.property(fc.array(span, { maxLength: 30 }), (added) => {
      const bytes = new Uint8Array(SIZE + 1);
      let spans: readonly ByteSpan[] = [];
      let covered = 0;
      for (const one of added) {
        spans = mergeSpan(spans, one);
        bytes.fill(1, one[0], one[1]);
        expect(coveredFrom(spans, 0)).toBeGreaterThanOrEqual(covered); // what is committed never shrinks
        covered = coveredFrom(spans, 0);
      }
      expect(spans).toEqual(runsOf(bytes));
      expect(covered).toBe(bytes.indexOf(0));
      expect(endOf(spans)).toBe(bytes.lastIndexOf(1) + 1);
    });
    fc.assert(property, { seed, numRuns: 5000 });
  });
});

/** Runs of ones. */
function runsOf(bytes: Uint8Array): ByteSpan[] {
  const runs: ByteSpan[] = [];
  for (let at = bytes.indexOf(1); at !== -1;) {
    const end = bytes.indexOf(0, at);
    runs.push([at, end]);
    at = bytes.indexOf(1, end);
  }
  return runs;
}
