import { type RunawayReport, runAway } from "../query-runaways.js";
import { makeTempDir } from "../support/temp-dir.js";

const MIB = 1024 * 1024;

/** Statements that never end, 8 at a time, while others use the server. */
async function query(queries = 50): Promise<boolean> {
  await using dir = await makeTempDir();
  const plan = { dataDir: dir.path, queries, parallel: 8, timeoutMs: 1000 };
  const report: RunawayReport = await runAway(plan);
  console.log(JSON.stringify({ ...plan, ...report }));
  const { ended, reasons, latestMs, longestStallMs, residentGrowthBytes, processesLeft } = report;
  const known = (reasons["QUERY_TIMEOUT"] ?? 0) + (reasons["QUERY_LIMIT"] ?? 0);
  return (
    ended === queries &&
    known === queries &&
    latestMs <= 500 &&
    longestStallMs <= 50 &&
    residentGrowthBytes <= 32 * MIB &&
    processesLeft === 0
  );
}

export const QUERY_CHECKS: Readonly<Record<string, (rounds?: number) => Promise<boolean>>> = { query };
