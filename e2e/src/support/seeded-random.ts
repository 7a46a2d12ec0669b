/**
 * Uniform numbers in [0, 1) from a seed, so that a failing run can be repeated.
 * The generator is mulberry32: 32 bits of state, good enough to choose moments and positions.
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Seed of this run: `MILLRACE_SEED`, or a new one. Printed, so that a failure can be repeated. */
export function runSeed(): number {
  const seed = Number(process.env["MILLRACE_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
  console.log(`MILLRACE_SEED=${String(seed)}`);
  return seed;
}
