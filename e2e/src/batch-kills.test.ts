import { expect, it } from "@jest/globals";
import { seededRandom } from "@millrace/client-sdk/testing";

import { batchHolds, killDuringBatch } from "./batch-kills.js";
import { runSeed } from "./support/run-seed.js";
import { makeTempDir } from "./support/temp-dir.js";

it("runs each item of a batch to its one outcome when the server is killed with SIGKILL", async () => {
  await using dir = await makeTempDir();
  const plan = { dataDir: dir.path, items: 3000, kills: 2, maxConcurrency: 16, random: seededRandom(runSeed()) };
  const report = await killDuringBatch(plan);
  expect({ ...report, holds: batchHolds(report) }).toMatchObject({ holds: true, failed: 300, ranAgain: 0 });
}, 120_000);
