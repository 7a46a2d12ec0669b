/**
 * The main job, on real input: a file of 256 MiB goes up, the server is killed in the middle and
 * started again, the upload resumes by itself, the file comes down in parallel ranges, and its
 * SHA-256 is compared. Ends with 0 only if all of that held.
 */
import { createHash, randomFillSync } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { formatBytes, processTerminal, ProgressBar } from "@millrace/cli/progress";
import { createClient, type StreamingClient, type UploadResult } from "@millrace/client-sdk";

import { type ServerProcess, startServerProcess } from "../e2e/src/support/server-process.ts";

const MIB = 1024 * 1024;
const FILE_BYTES = 256 * MIB;
const MAX_RESENT_BYTES = 8 * MIB;

/** The server dies when this part of the file is durable: another one in each run. */
const KILL_AT = 0.42 + Math.random() * 0.14;

/** Returns what did not hold. */
async function demo(directory: string, signal: AbortSignal): Promise<string[]> {
  const source = join(directory, "source.bin");
  const copy = join(directory, "copy.bin");
  console.log(`making ${formatBytes(FILE_BYTES)} of random bytes`);
  const sha256 = await makeRandomFile(source, FILE_BYTES);

  await using server = await RestartableServer.start(join(directory, "data"));
  await using client = createClient({ target: server.target });
  const upload = await timed(() => uploadAcrossKill(client, server, source, signal));
  const download = await timed(() => downloadInRanges(client, upload.value.fileId, copy, signal));
  const copySha256 = await sha256Of(copy);

  const { value: uploaded } = upload;
  const { killedAtBytes } = server;
  printTable([
    ["file", `${formatBytes(FILE_BYTES)}, sha256 ${sha256.slice(0, 16)}…`],
    ["killed", `SIGKILL with ${formatBytes(killedAtBytes)} durable (${percent(killedAtBytes / FILE_BYTES)})`],
    ["started again", `ready after ${seconds(server.awayMs)} on the same port and data`],
    ["upload", `${seconds(upload.ms)}, ${rate(upload.ms)}, outage included`],
    [
      "resumed",
      `at try ${String(uploaded.attempts - 1)} to connect again, ${formatBytes(uploaded.resentBytes)} sent again`,
    ],
    ["download", `${seconds(download.ms)}, ${rate(download.ms)}, ${String(download.value.attempts)} streams`],
    ["copy", copySha256 === sha256 ? "same SHA-256" : `OTHER SHA-256 ${copySha256}`],
  ]);
  return [
    ...(uploaded.sha256 === sha256 ? [] : ["the server has another SHA-256 than the source"]),
    ...(copySha256 === sha256 ? [] : ["the copy has another SHA-256 than the source"]),
    ...(killedAtBytes > 0 && killedAtBytes < FILE_BYTES ? [] : ["the server was not killed in the middle"]),
    ...(uploaded.attempts > 1 ? [] : ["the upload did not have to resume"]),
    ...(uploaded.resentBytes <= MAX_RESENT_BYTES ? [] : [`${formatBytes(uploaded.resentBytes)} were sent again`]),
  ];
}

/** Uploads, and kills the server as soon as enough is durable. The upload itself is told nothing. */
async function uploadAcrossKill(
  client: StreamingClient,
  server: RestartableServer,
  source: string,
  signal: AbortSignal,
): Promise<UploadResult> {
  const bar = new ProgressBar(processTerminal, "upload");
  const failed = new AbortController();
  let restarted: Promise<void> | undefined;
  const result = await client.files.upload(source, {
    filename: "demo/random.bin",
    signal: AbortSignal.any([signal, failed.signal]),
    onProgress({ committedBytes, bytesPerSecond }) {
      bar.update({ doneBytes: committedBytes, totalBytes: FILE_BYTES, bytesPerSecond });
      if (committedBytes < KILL_AT * FILE_BYTES) return;
      restarted ??= server.killAndRestart(committedBytes).catch((error: unknown) => failed.abort(error));
    },
  });
  bar.finish();
  await restarted;
  return result;
}

async function downloadInRanges(
  client: StreamingClient,
  fileId: string,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly attempts: number }> {
  const bar = new ProgressBar(processTerminal, "download");
  const result = await client.files.downloadTo(fileId, path, {
    signal,
    parallel: 4,
    onProgress: ({ receivedBytes, totalBytes, bytesPerSecond }) =>
      bar.update({ doneBytes: receivedBytes, totalBytes, bytesPerSecond }),
  });
  bar.finish();
  return result;
}

/** A server process that comes back on the same port with the same data. */
class RestartableServer implements AsyncDisposable {
  readonly target: string;
  /** Durable bytes when it was killed. */
  killedAtBytes = 0;
  /** From the kill until it could serve again. */
  awayMs = 0;
  readonly #dataDir: string;
  #process: ServerProcess;

  static async start(dataDir: string): Promise<RestartableServer> {
    return new RestartableServer(dataDir, await startServerProcess({ dataDir }));
  }

  private constructor(dataDir: string, process: ServerProcess) {
    this.#dataDir = dataDir;
    this.#process = process;
    this.target = process.target;
  }

  async killAndRestart(committedBytes: number): Promise<void> {
    const startedAt = performance.now();
    this.killedAtBytes = committedBytes;
    const { port } = this.#process;
    await this.#process.kill();
    this.#process = await startServerProcess({ dataDir: this.#dataDir, port });
    this.awayMs = performance.now() - startedAt;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#process[Symbol.asyncDispose]());
  }
}

async function makeRandomFile(path: string, sizeBytes: number): Promise<string> {
  const hash = createHash("sha256");
  const block = Buffer.alloc(4 * MIB);
  await using file = await open(path, "wx");
  for (let written = 0; written < sizeBytes; written += block.byteLength) {
    hash.update(randomFillSync(block));
    await file.writeFile(block);
  }
  return hash.digest("hex");
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: MIB })) hash.update(piece as Buffer);
  return hash.digest("hex");
}

async function timed<T>(action: () => Promise<T>): Promise<{ readonly value: T; readonly ms: number }> {
  const startedAt = performance.now();
  return { value: await action(), ms: performance.now() - startedAt };
}

function printTable(rows: readonly (readonly [string, string])[]): void {
  console.log();
  for (const [name, fact] of rows) console.log(`  ${name.padEnd(14)} ${fact}`);
  console.log();
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function rate(ms: number): string {
  return `${formatBytes((FILE_BYTES * 1000) / ms)}/s`;
}

const stop = new AbortController();
process.once("SIGINT", () => stop.abort());
process.once("SIGTERM", () => stop.abort());

const directory = await mkdtemp(join(tmpdir(), "millrace-demo-"));
try {
  const problems = await demo(directory, stop.signal);
  for (const problem of problems) console.error(`demo: ${problem}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
} catch (error) {
  console.error("demo:", error);
  process.exitCode = 1;
} finally {
  await rm(directory, { recursive: true, force: true });
}
