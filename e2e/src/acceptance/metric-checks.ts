import { seededRandom } from "@millrace/client-sdk/testing";

import { measureMetrics } from "../metrics-load.js";
import { runSeed } from "../support/run-seed.js";
import { startServerProcess } from "../support/server-process.js";
import { makeTempDir } from "../support/temp-dir.js";

const MIB = 1024 * 1024;

/** What 10 M names may cost beside 1 M samples: the series of the store, and a summary of 10,000 names. */
const MAX_NAMES_BYTES: number = 192 * MIB;

/** 1 M samples over 1,000 series, sent twice, and samples of `distinctNames` names. */
async function metrics(distinctNames = 10_000_000): Promise<boolean> {
  await using dir = await makeTempDir();
  await using server = await startServerProcess({ dataDir: dir.path });
  const plan = { samples: 1_000_000, series: 1000, distinctNames, random: seededRandom(runSeed()) };
  const report = await measureMetrics(server, plan);
  const { wrong, worstQuantileError, residentStart, residentPeak, residentPeakOfNames } = report;
  const mib = (bytes: number): number => Math.round(bytes / MIB);
  console.log(
    JSON.stringify({
      ...report,
      residentStart: mib(residentStart),
      residentPeak: mib(residentPeak),
      residentPeakOfNames: mib(residentPeakOfNames),
    }),
  );
  const isBounded = residentPeakOfNames - residentPeak < MAX_NAMES_BYTES;
  return wrong.length === 0 && worstQuantileError <= 0.01 && isBounded;
}

export const METRIC_CHECKS = { metrics };
