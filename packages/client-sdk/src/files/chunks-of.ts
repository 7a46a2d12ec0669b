/**
 * Cuts and joins pieces of any size into chunks of exactly `chunkBytes`, the last one excepted.
 * Holds at most one chunk. Large pieces are passed on as views, small ones are copied together.
 *
 * @throws {TypeError} if a piece is not a Uint8Array
 */
export async function* chunksOf(
  pieces: AsyncIterable<Uint8Array>,
  chunkBytes: number,
): AsyncGenerator<Uint8Array, undefined, undefined> {
  let partial: Uint8Array | undefined;
  let filled = 0;
  for await (const piece of pieces) {
    assertBytes(piece);
    for (let taken = 0; taken < piece.byteLength;) {
      const next = piece.subarray(taken, taken + chunkBytes - filled);
      taken += next.byteLength;
      if (next.byteLength === chunkBytes) {
        yield next;
        continue;
      }
      partial ??= Buffer.allocUnsafeSlow(chunkBytes);
      partial.set(next, filled);
      filled += next.byteLength;
      if (filled < chunkBytes) continue;
      yield partial;
      partial = undefined;
      filled = 0;
    }
  }
  if (partial !== undefined && filled > 0) yield partial.subarray(0, filled);
}

/** A stream in text mode yields strings, whose bytes nobody can know. */
function assertBytes(piece: unknown): asserts piece is Uint8Array {
  if (piece instanceof Uint8Array) return;
  throw new TypeError(`the source yielded ${typeof piece}, not a Uint8Array`);
}
