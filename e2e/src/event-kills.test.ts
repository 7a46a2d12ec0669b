import { expect, it } from "@jest/globals";
import { seededRandom } from "@millrace/client-sdk/testing";

import { killDuringEvents } from "./event-kills.js";
import { holds, violationsIn } from "./event-traffic/event-report.js";
import { runSeed } from "./support/run-seed.js";
import { makeTempDir } from "./support/temp-dir.js";

it("loses, repeats and reorders no acknowledged event when the server is killed with SIGKILL", async () => {
  await using dir = await makeTempDir();
  const report = await killDuringEvents({ dataDir: dir.path, rounds: 3, random: seededRandom(runSeed()) });
  expect(violationsIn(report)).toEqual([]);
  expect(holds(report)).toBe(true);
}, 120_000);
