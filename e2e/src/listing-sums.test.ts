import { expect, it } from "@jest/globals";
import { seededRandom } from "@millrace/client-sdk/testing";

import { listWhileMoving } from "./listing-sums.js";
import { runSeed } from "./support/run-seed.js";
import { makeTempDir } from "./support/temp-dir.js";

it("lists one state of a dataset while writers move amounts between its items and the server is killed", async () => {
  await using dir = await makeTempDir();
  const plan = { dataDir: dir.path, accounts: 300, writers: 4, listers: 2, listings: 20, kills: 1 };
  const report = await listWhileMoving({ ...plan, random: seededRandom(runSeed()) });
  expect(report).toMatchObject({ wrong: 0, kills: 1 });
  expect(report.continued).toBeGreaterThan(0);
  expect(report.transfersPerListing).toBeGreaterThanOrEqual(1);
}, 120_000);
