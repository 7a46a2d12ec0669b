import { expect, it } from "@jest/globals";

import { runSeed } from "./support/run-seed.js";
import { playHistories } from "./sync-model.js";

it("replicas converge, lose nothing that was acknowledged and bring nothing back, whatever happens to them", async () => {
  const report = await playHistories({ histories: 250, onDiskEvery: 80, seed: runSeed() | 0 });
  expect(report.histories).toBe(250);
}, 120_000);
