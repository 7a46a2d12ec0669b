import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const RESULTS = join(import.meta.dirname, "../results");

/** Writes what a benchmark found to `bench/results/NAME.json`. */
export function writeResults(name: string, results: Readonly<Record<string, unknown>>): void {
  mkdirSync(RESULTS, { recursive: true });
  const file = join(RESULTS, `${name}.json`);
  writeFileSync(file, JSON.stringify({ date: new Date(), node: process.version, ...results }, null, 2));
  console.log(`written to ${file}`);
}
