import { expect, it } from "@jest/globals";
import { seededRandom } from "@millrace/client-sdk/testing";

import { breakNetworkDuringEvents } from "./event-network.js";
import { holds, violationsIn } from "./event-traffic/event-report.js";
import { runSeed } from "./support/run-seed.js";
import { makeTempDir } from "./support/temp-dir.js";

it("loses, repeats and reorders no acknowledged event through cuts, black holes and drains", async () => {
  await using dir = await makeTempDir();
  const random = seededRandom(runSeed());
  const report = await breakNetworkDuringEvents({ dataDir: dir.path, cuts: 8, stalls: 1, drains: 1, random });
  expect(violationsIn(report)).toEqual([]);
  expect(holds(report)).toBe(true);
}, 120_000);
