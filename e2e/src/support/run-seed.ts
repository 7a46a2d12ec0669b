/** Seed of this run: `MILLRACE_SEED`, or a new one. Printed, so that a failure can be repeated. */
export function runSeed(): number {
  const seed = Number(process.env["MILLRACE_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
  console.log(`MILLRACE_SEED=${String(seed)}`);
  return seed;
}
