import { runSeed } from "../support/run-seed.js";
import { playHistories } from "../sync-model.js";

/** Random histories of replicas around a server, one in 200 of them on its disk. */
async function sync(histories = 10_000): Promise<boolean> {
  const report = await playHistories({
    histories,
    onDiskEvery: 200,
    seed: runSeed() | 0,
    onProgress: (played) => console.log(JSON.stringify({ played })),
  });
  console.log(JSON.stringify(report));
  return report.histories === histories;
}

export const SYNC_CHECKS = { sync };
