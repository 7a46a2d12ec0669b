import { expect, it } from "@jest/globals";
import { seededRandom } from "@millrace/client-sdk/testing";

import { importThroughKills } from "./dataset-import.js";
import { runSeed } from "./support/run-seed.js";
import { makeTempDir } from "./support/temp-dir.js";

it("the command line imports a file and lists it line for line through kills of the server, in bounded memory", async () => {
  await using dir = await makeTempDir();
  const plan = { dir: dir.path, items: 30_000, kills: 1 };
  const report = await importThroughKills({ ...plan, random: seededRandom(runSeed()) });
  expect(report).toMatchObject({ lines: plan.items, firstDifference: 0, importKills: 1, listKills: 1 });
  expect(Math.max(report.serverPeak, report.clientPeak)).toBeLessThan(300 * 1024 * 1024);
}, 120_000);
