import { expect, it } from "@jest/globals";
import { seededRandom } from "@millrace/client-sdk/testing";

import { killDuringUploads } from "./upload-kills.js";
import { runSeed } from "./support/run-seed.js";
import { makeTempDir } from "./support/temp-dir.js";

const MIB = 1024 * 1024;

it("finishes uploads whose server is killed with SIGKILL, re-sending at most 8 MiB", async () => {
  await using dir = await makeTempDir();
  const report = await killDuringUploads({
    dir: dir.path,
    rounds: 4,
    fileBytes: 32 * MIB,
    maxDelayMs: 250,
    random: seededRandom(runSeed()),
  });
  expect(report.uploads).toHaveLength(4);
  for (const upload of report.uploads) {
    expect(upload.hashesAgree).toBe(true);
    expect(upload.resentBytes).toBeLessThanOrEqual(8 * MIB);
  }
  expect(report.listings).toBeGreaterThan(0);
  expect(report).toMatchObject({ partialListings: 0, stagedBytes: 0 });
}, 120_000);
