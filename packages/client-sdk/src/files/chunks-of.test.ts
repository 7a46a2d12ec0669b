import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";

import { chunksOf } from "./chunks-of.js";

async function* yielding(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

describe("chunksOf", () => {
  it("keeps all bytes in order, in chunks of the same size, the last one excepted", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 50 })),
        fc.integer({ min: 1, max: 40 }),
        async (pieces, size) => {
          const chunks: Uint8Array[] = [];
          for await (const chunk of chunksOf(yielding(pieces), size)) chunks.push(chunk);
          expect(Buffer.concat(chunks).equals(Buffer.concat(pieces))).toBe(true);
          for (const chunk of chunks.slice(0, -1)) expect(chunk.byteLength).toBe(size);
          expect(chunks.every(({ byteLength }) => byteLength > 0 && byteLength <= size)).toBe(true);
        },
      ),
    );
  });
});
