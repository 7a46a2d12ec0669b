import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { median } from "./statistics.js";
import { TRANSFER_CONTENDERS } from "./transfer-contenders.js";
import type { TransferTask } from "./transfer-process.js";
import { writeResults } from "./write-results.js";

const PROCESS = fileURLToPath(new URL("transfer-process.js", import.meta.url));
const MIB = 1024 * 1024;

const { values } = parseArgs({
  options: { mib: { type: "string", default: "1024" }, rounds: { type: "string", default: "5" } },
});
const totalBytes = Number(values.mib) * MIB;
const rounds = Number(values.rounds);

/** What is measured, and how many times faster than a peer we mean to be: P1 and P2 of the targets. */
const TASKS: readonly {
  readonly title: string;
  readonly task: TransferTask;
  readonly targets: Record<string, number>;
}[] = [
  {
    title: "P1 download, 64 KiB chunks",
    task: { work: "download", load: { totalBytes, chunkBytes: 64 * 1024 } },
    targets: { "nice-grpc": 2.2, "nice-grpc, same client window": 1.3, "the seed's way": 2.5, floor: 0.7 },
  },
  {
    title: "P2 upload, counted only, 256 KiB chunks",
    task: { work: "upload", load: { totalBytes, chunkBytes: 256 * 1024 } },
    targets: { "nice-grpc": 2.8, "grpc-js + ts-proto": 2, floor: 0.7 },
  },
];

/** Server and client of one contender, each a process. */
class Pair {
  readonly #server: ChildProcess;
  readonly #client: ChildProcess;

  private constructor(server: ChildProcess, client: ChildProcess) {
    this.#server = server;
    this.#client = client;
  }

  static async start(name: string): Promise<Pair> {
    const server = fork(PROCESS, [name, "serve"]);
    const [port] = (await once(server, "message")) as [number];
    const client = fork(PROCESS, [name, "connect", String(port)]);
    await once(client, "message");
    return new Pair(server, client);
  }

  /** Megabytes per second. */
  async run(task: TransferTask): Promise<number> {
    this.#client.send(task);
    const [rate] = (await once(this.#client, "message")) as [number];
    return rate;
  }

  stop(): void {
    this.#client.disconnect();
    this.#server.disconnect();
  }
}

/** All contenders take turns, in processes that start anew each round; figures are medians, ratios medians of each round's. */
async function measure(task: TransferTask): Promise<ReadonlyMap<string, readonly number[]>> {
  const rates = new Map(Object.keys(TRANSFER_CONTENDERS).map((name) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, found] of rates) {
      const pair = await Pair.start(name);
      await pair.run({ ...task, load: { ...task.load, totalBytes: 64 * MIB } }); // warm
      found.push(await pair.run(task));
      pair.stop();
    }
  }
  return rates;
}

const results: unknown[] = [];
for (const { title, task, targets } of TASKS) {
  const rates = await measure(task);
  const ours = rates.get("ours") ?? [];
  const rows = [...rates].map(([name, found]) => {
    const ratio = median(ours.map((rate, round) => rate / (found[round] ?? NaN)));
    const target = targets[name];
    const verdict = target === undefined ? "" : `${String(target)} ${ratio >= target ? "met" : "MISSED"}`;
    return {
      contender: name,
      "MB/s": Math.round(median(found)),
      "ours / it": Number(ratio.toFixed(2)),
      target: verdict,
    };
  });
  console.log(`\n${title}, ${values.mib} MiB, median of ${String(rounds)} rounds`);
  console.table(rows);
  results.push({ title, rows, rates: Object.fromEntries(rates) });
}
writeResults("transfer", { results });
