/** Blocks of sequences, by which a SqliteEventLog knows what is where. Imports nothing. */

/** Sequences in a block. */
export const EVENTS_PER_BLOCK = 256;

/** The block that a sequence is in. */
export function blockOf(sequence: number): number {
  return Math.floor(sequence / EVENTS_PER_BLOCK);
}

/** First and last sequence of a block. */
export function boundsOf(block: number): { readonly low: number; readonly high: number } {
  return { low: block * EVENTS_PER_BLOCK, high: (block + 1) * EVENTS_PER_BLOCK - 1 };
}
