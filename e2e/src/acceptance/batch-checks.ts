import { seededRandom } from "@millrace/client-sdk/testing";

import { batchHolds, killDuringBatch } from "../batch-kills.js";
import { measureBatchMemory, type MemoryPhase } from "../batch-memory.js";
import { runSeed } from "../support/run-seed.js";
import { makeTempDir } from "../support/temp-dir.js";

/** 100,000 items, one in ten fails; SIGKILL of the server while they run, then the same with the same keys. */
async function batch(kills = 2): Promise<boolean> {
  await using dir = await makeTempDir();
  const random = seededRandom(runSeed());
  const plan = { dataDir: dir.path, items: 100_000, kills, maxConcurrency: 64, random };
  const report = await killDuringBatch(plan);
  console.log(JSON.stringify(report));
  return batchHolds(report);
}

/** A million items of one batch: the memory of server and client stays flat. */
async function batchMemory(phases = 10): Promise<boolean> {
  await using dir = await makeTempDir();
  const onPhase = (phase: MemoryPhase): void => console.log(JSON.stringify(phase));
  const report = await measureBatchMemory({ dataDir: dir.path, items: 1_000_000, phases, onPhase });
  console.log(JSON.stringify(report));
  return report.items === 1_000_000 && report.serverGrowthMiB < 64 && report.clientGrowthMiB < 64;
}

export const BATCH_CHECKS = { batch, "batch-memory": batchMemory };
