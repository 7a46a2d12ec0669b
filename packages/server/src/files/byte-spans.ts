/** A half-open range of bytes: first byte, one past the last. */
export type ByteSpan = readonly [start: number, end: number];

/** All bytes of `spans` and of `added`, as ascending spans with gaps between them. `spans` has that form too. */
export function mergeSpan(spans: readonly ByteSpan[], added: ByteSpan): ByteSpan[] {
  let [start, end] = added;
  if (start >= end) return [...spans];
  const apart: ByteSpan[] = [];
  for (const span of spans) {
    if (span[1] < start || span[0] > end) {
      apart.push(span);
    } else {
      start = Math.min(start, span[0]);
      end = Math.max(end, span[1]);
    }
  }
  const at = apart.findIndex((span) => span[0] > end);
  return at === -1 ? [...apart, [start, end]] : apart.toSpliced(at, 0, [start, end]);
}

/** Bytes from `position` on that are in `spans` without a hole: the end of them, or `position` itself. */
export function coveredFrom(spans: readonly ByteSpan[], position: number): number {
  const span = spans.find(([start, end]) => start <= position && position < end);
  return span === undefined ? position : span[1];
}

/** One past the last byte of all. */
export function endOf(spans: readonly ByteSpan[]): number {
  return spans.at(-1)?.[1] ?? 0;
}
