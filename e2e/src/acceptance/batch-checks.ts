import { seededRandom } from "@millrace/client-sdk/testing";

import { batchHolds, killDuringBatch } from "../batch-kills.js";
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

export const BATCH_CHECKS = { batch };
