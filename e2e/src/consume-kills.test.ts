import { expect, it } from "@jest/globals";
import { seededRandom } from "@millrace/client-sdk/testing";

import { killConsumers } from "./consume-kills.js";
import { runSeed } from "./support/run-seed.js";
import { makeTempDir } from "./support/temp-dir.js";

it("hands every event to a consumer who finishes it, in order of its key, though consumers are killed", async () => {
  await using dir = await makeTempDir();
  const random = seededRandom(runSeed());
  const report = await killConsumers({ dataDir: dir.path, events: 4000, keys: 97, kills: 5, random });
  expect(report).toMatchObject({ lost: 0, outOfOrder: 0, parked: 160, parkedBefore: 160, notReplayed: 0 });
  expect(report).toMatchObject({ parkedAfter: 0, isDone: true });
}, 120_000);
