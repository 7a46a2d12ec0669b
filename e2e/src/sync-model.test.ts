import { expect, it } from "@jest/globals";

import { runSeed } from "./support/run-seed.js";
import { playHistories } from "./sync-model.js";

it("replicas converge, lose nothing that was acknowledged and bring nothing back, whatever happens to them", async () => {
  const report = await playHistories({ histories: 400, onDiskEvery: 100, seed: runSeed() | 0 });
  expect(report.histories).toBe(400);
}, 120_000);
