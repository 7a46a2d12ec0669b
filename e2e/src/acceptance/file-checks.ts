import { open } from "node:fs/promises";
import { join } from "node:path";

import { createClient } from "@millrace/client-sdk";
import { seededRandom } from "@millrace/client-sdk/testing";

import { readSlowly } from "../slow-reader.js";
import { runSeed } from "../support/run-seed.js";
import { startServerProcess } from "../support/server-process.js";
import { makeTempDir } from "../support/temp-dir.js";
import { abortUploads } from "../upload-aborts.js";
import { killDuringUploads } from "../upload-kills.js";

const MIB = 1024 * 1024;

/** 50 × SIGKILL at random moments of a 64 MiB upload. */
async function kills(): Promise<boolean> {
  await using dir = await makeTempDir();
  const { uploads, ...rest } = await killDuringUploads({
    dir: dir.path,
    rounds: 50,
    fileBytes: 64 * MIB,
    maxDelayMs: 600,
    random: seededRandom(runSeed()),
    onRound: (upload) => console.log(JSON.stringify(upload)),
  });
  const summary = {
    completed: uploads.filter((upload) => upload.completed).length,
    wrongHashes: uploads.filter((upload) => !upload.hashesAgree).length,
    interrupted: uploads.filter((upload) => upload.resumes > 0).length,
    maxResentBytes: Math.max(...uploads.map((upload) => upload.resentBytes)),
    ...rest,
  };
  console.log(JSON.stringify(summary));
  return (
    summary.completed === 50 &&
    summary.wrongHashes === 0 &&
    summary.partialListings === 0 &&
    summary.stagedBytes === 0 &&
    summary.maxResentBytes <= 8 * MIB
  );
}

/** 200 uploads aborted by a seed-style client in four ways. */
async function aborts(): Promise<boolean> {
  await using dir = await makeTempDir();
  const report = await abortUploads({ dataDir: join(dir.path, "data"), perKind: 50, random: seededRandom(runSeed()) });
  console.log(JSON.stringify(report));
  return report.published === 0 && report.stagedBytes === 0 && report.controlPublished;
}

/** 1 GiB (sparse) to a reader of 8 MiB/s for 20 s. */
async function slowReader(): Promise<boolean> {
  await using dir = await makeTempDir();
  const source = join(dir.path, "sparse.bin");
  const file = await open(source, "w");
  await file.truncate(1024 * MIB);
  await file.close();
  const dataDir = join(dir.path, "data");
  const fileId = await uploadTo(dataDir, source);
  await using server = await startServerProcess({ dataDir });
  const report = await readSlowly(server, fileId, { bytesPerSecond: 8 * MIB, durationMs: 20_000 });
  const growth = report.residentPeak - report.residentBefore;
  console.log(JSON.stringify({ ...report, growthMiB: growth / MIB }));
  return growth < 64 * MIB;
}

/** The server that took the upload is not the one whose memory is measured. */
async function uploadTo(dataDir: string, source: string): Promise<string> {
  await using server = await startServerProcess({ dataDir });
  await using client = createClient({ target: server.target });
  const { fileId } = await client.files.upload(source, { filename: "sparse.bin" });
  return fileId;
}

export const FILE_CHECKS = { kills, aborts, "slow-reader": slowReader };
