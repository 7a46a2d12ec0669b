import { join } from "node:path";

import { expect, it } from "@jest/globals";
import { seededRandom } from "@millrace/client-sdk/testing";

import { abortUploads } from "./upload-aborts.js";
import { runSeed } from "./support/run-seed.js";
import { makeTempDir } from "./support/temp-dir.js";

it("publishes nothing of uploads that a seed-style client aborts in four ways", async () => {
  await using dir = await makeTempDir();
  const report = await abortUploads({ dataDir: join(dir.path, "data"), perKind: 10, random: seededRandom(runSeed()) });
  expect(report).toEqual({ aborted: 40, published: 0, stagedBytes: 0, controlPublished: true });
});
