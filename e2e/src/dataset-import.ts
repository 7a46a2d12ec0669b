import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { createClient, type StreamingClient, StreamingError } from "@millrace/client-sdk";

import { compareWithFile, type LineComparison, writeItemLines } from "./dataset-import/item-lines.js";
import { PeakMemory } from "./dataset-import/peak-memory.js";
import { type CliProcess, startCli } from "./support/cli-process.js";
import { type ServerProcess, startServerProcess } from "./support/server-process.js";

const DATASET = "things";

/** Between two looks at how far an import is, in milliseconds. */
const LOOK_MS = 100;

export interface DatasetImportPlan {
  /** For the file and the server's data. */
  readonly dir: string;
  readonly items: number;
  /** Of the server, in the middle of the import, and again of the listing. */
  readonly kills: number;
  readonly random: () => number;
  readonly onStep?: (step: Record<string, unknown>) => void;
}

export interface DatasetImportReport extends LineComparison {
  readonly fileBytes: number;
  readonly importSeconds: number;
  readonly listSeconds: number;
  /** Kills while the import and the listing ran. */
  readonly importKills: number;
  readonly listKills: number;
  /** The largest resident memory of any server process and of any client process, in bytes. */
  readonly serverPeak: number;
  readonly clientPeak: number;
}

/**
 * Imports a file with the command line and lists it again, both with a server that is killed with SIGKILL at random
 * moments and started again on the same port and data; compares what is listed with the file, line by line.
 */
export async function importThroughKills(plan: DatasetImportPlan): Promise<DatasetImportReport> {
  const { dir, items, kills, random, onStep = () => {} } = plan;
  const file = join(dir, "items.ndjson");
  await writeItemLines(file, items);
  const { size: fileBytes } = await stat(file);
  onStep({ items, fileBytes });
  await using server = await KilledServer.start(join(dir, "data"), onStep);
  await using clientMemory = new PeakMemory();

  const imported = await timed(async () => {
    await using millrace = await startCli(["import", DATASET, file, "--target", server.target]);
    clientMemory.add(millrace.pid);
    await killDuring(millrace, { server, at: moments(items, kills, random) });
  });
  const importKills = server.kills;
  onStep({ importSeconds: imported.seconds, serverPeak: server.memory.peak, clientPeak: clientMemory.peak });

  const listed = await timed(async () => {
    await using millrace = await startCli(["list", DATASET, "--target", server.target]);
    clientMemory.add(millrace.pid);
    const at = moments(items, kills, random);
    const comparison = await compareWithFile(file, millrace.output, (lines) => {
      if (lines < (at[0] ?? Infinity)) return;
      at.shift();
      void server.killAndStart({ lines });
    });
    await server.untilStarted();
    await millrace.done;
    return comparison;
  });
  return {
    ...listed.result,
    fileBytes,
    importSeconds: imported.seconds,
    listSeconds: listed.seconds,
    importKills,
    listKills: server.kills - importKills,
    serverPeak: server.memory.peak,
    clientPeak: clientMemory.peak,
  };
}

/** Numbers of items, one at random out of each of as many equal shares. */
function moments(items: number, kills: number, random: () => number): number[] {
  return Array.from({ length: kills }, (_, share) => Math.floor(((share + random()) * items) / kills));
}

interface KillsOfImport {
  readonly server: KilledServer;
  /** Kill when so many items are stored. */
  readonly at: readonly number[];
}

/** Kills the server at those moments; resolves when the import has succeeded. */
async function killDuring(millrace: CliProcess, { server, at }: KillsOfImport): Promise<void> {
  await using client = createClient({ target: server.target });
  const over = new AbortController();
  const killing = (async () => {
    for (const moment of at) {
      while ((await storedItems(client)) < moment && !over.signal.aborted) await sleep(LOOK_MS);
      if (!over.signal.aborted) await server.killAndStart({ storedItems: moment });
    }
  })();
  try {
    await millrace.done;
  } finally {
    over.abort();
    await killing;
  }
}

/** As far as the server is there to say. */
async function storedItems(client: StreamingClient): Promise<number> {
  try {
    return (await client.data.datasets.get(DATASET, { timeoutMs: 5_000 })).itemCount;
  } catch (error) {
    if (StreamingError.is(error)) return 0; // not made yet, or the server was just killed
    throw error;
  }
}

/** A server on one data directory through all its lives. */
class KilledServer implements AsyncDisposable {
  readonly target: string;
  readonly memory = new PeakMemory();
  kills = 0;
  readonly #dataDir: string;
  readonly #onStep: (step: Record<string, unknown>) => void;
  #process: ServerProcess;
  #starting: Promise<void> = Promise.resolve();

  private constructor(process: ServerProcess, dataDir: string, onStep: (step: Record<string, unknown>) => void) {
    this.target = process.target;
    this.#dataDir = dataDir;
    this.#onStep = onStep;
    this.#process = process;
    this.memory.add(process.pid);
  }

  static async start(dataDir: string, onStep: (step: Record<string, unknown>) => void): Promise<KilledServer> {
    return new KilledServer(await startServerProcess({ dataDir }), dataDir, onStep);
  }

  /** One after the other, should it be called before the last one serves. */
  killAndStart(at: Record<string, unknown>): Promise<void> {
    this.#starting = this.#starting.then(async () => {
      const { port, pid } = this.#process;
      await this.memory.takeLeave(pid);
      await this.#process.kill();
      this.kills++;
      const startedAt = performance.now();
      this.#process = await startServerProcess({ dataDir: this.#dataDir, port });
      this.memory.add(this.#process.pid);
      this.#onStep({ kill: this.kills, ...at, servingAfterMs: performance.now() - startedAt });
    });
    return this.#starting;
  }

  /** Rejects if it could not be started again. */
  untilStarted(): Promise<void> {
    return this.#starting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#starting.catch(() => {});
    await this.memory[Symbol.asyncDispose]();
    await this.#process[Symbol.asyncDispose]();
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly seconds: number }> {
  const startedAt = performance.now();
  const result = await work();
  return { result, seconds: (performance.now() - startedAt) / 1000 };
}
