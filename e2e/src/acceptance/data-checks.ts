import { seededRandom } from "@millrace/client-sdk/testing";

import { importThroughKills } from "../dataset-import.js";
import { listWhileMoving } from "../listing-sums.js";
import { runSeed } from "../support/run-seed.js";
import { makeTempDir } from "../support/temp-dir.js";

const MIB = 1024 * 1024;

/** `millrace import` of a file of over a GiB and `millrace list` of what it made, 5 × SIGKILL of the server in each. */
async function importAndList(items = 5_000_000): Promise<boolean> {
  await using dir = await makeTempDir();
  const kills = 5;
  const report = await importThroughKills({
    dir: dir.path,
    items,
    kills,
    random: seededRandom(runSeed()),
    onStep: (step) => console.log(JSON.stringify(step)),
  });
  const { serverPeak, clientPeak, lines, firstDifference, importKills, listKills } = report;
  console.log(JSON.stringify({ ...report, serverPeakMiB: serverPeak / MIB, clientPeakMiB: clientPeak / MIB }));
  const isEqual = lines === items && firstDifference === 0;
  return isEqual && importKills === kills && listKills === kills && Math.max(serverPeak, clientPeak) < 300 * MIB;
}

/** Listings of 1,000 accounts while 8 writers move amounts between them, and the server is killed 5 times. */
async function listingSums(listings = 300): Promise<boolean> {
  await using dir = await makeTempDir();
  const plan = { dataDir: dir.path, accounts: 1000, writers: 8, listers: 3, listings, kills: 5 };
  const report = await listWhileMoving({ ...plan, random: seededRandom(runSeed()) });
  console.log(JSON.stringify(report));
  return (
    report.wrong === 0 && report.listings >= listings && report.kills === plan.kills && report.transfersPerListing >= 1
  );
}

export const DATA_CHECKS = { import: importAndList, "listing-sums": listingSums };
