import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { createClient, type OutgoingItem } from "@millrace/client-sdk";

import { type ContenderName, type RunningContender, startContender } from "./contenders/start-contender.js";
import type { ListingClientName } from "./listing-client.js";
import { median, rounded } from "./statistics.js";
import { writeResults } from "./write-results.js";

const CLIENT = fileURLToPath(new URL("listing-client.js", import.meta.url));

const { values } = parseArgs({
  options: { items: { type: "string", default: "1000000" }, rounds: { type: "string", default: "5" } },
});
const items = Number(values.items);
const rounds = Number(values.rounds);

/** Items of a listing where each message has one: it takes long, and is as fast at its end as at its beginning. */
const SINGLE_ITEMS = Math.min(items, 200_000);

const SERVERS = ["nice-grpc", "millrace in memory", "millrace"] as const satisfies ContenderName[];
type ServerName = (typeof SERVERS)[number];

/** One way to list. */
interface Contender {
  readonly server: ServerName;
  readonly client: ListingClientName;
  readonly items: number;
}

/** Contenders that take turns, and how many times as fast as a peer the ones of ours are to be. */
interface Comparison {
  readonly title: string;
  readonly contenders: readonly Contender[];
  /** By client of the peer. */
  readonly targets: Readonly<Partial<Record<ListingClientName, number>>>;
}

const seedShaped = (client: ListingClientName, target: number): Comparison => ({
  title: `P5 ListLargeDataset, ${client}`,
  contenders: SERVERS.map((server) => ({ server, client, items: SINGLE_ITEMS })),
  targets: { [client]: target },
});

const COMPARISONS: readonly Comparison[] = [
  {
    title: "P4 listing, item by item to the caller",
    contenders: [
      { server: "nice-grpc", client: "nice-grpc, one per message", items: SINGLE_ITEMS },
      { server: "nice-grpc", client: "nice-grpc, batched", items },
      { server: "millrace in memory", client: "SDK", items },
      { server: "millrace", client: "SDK", items },
    ],
    targets: { "nice-grpc, one per message": 10, "nice-grpc, batched": 1.8 },
  },
  seedShaped("stock grpc-js", 2.5),
  seedShaped("frame counter", 5),
];

/** Items with about 100 bytes of JSON. */
function* itemsToImport(): Generator<OutgoingItem> {
  for (let n = 0; n < items; n++) {
    const data = `{"n":${String(n)},"name":"item number ${String(n)}","tags":["red","green"],"price":${String(n % 1000)}.5}`;
    yield { key: `item-${String(n).padStart(9, "0")}`, data, contentType: "application/json" };
  }
}

async function startFilled(name: ServerName): Promise<RunningContender> {
  const server = await startContender(name);
  await using client = createClient({ target: server.target });
  await client.data.import(itemsToImport(), { maxBatchItems: 1000 });
  return server;
}

/** A client in a process of its own. */
class ListingClient implements Disposable {
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  static async start(name: ListingClientName, { port }: RunningContender): Promise<ListingClient> {
    const process = fork(CLIENT, [name, String(port)]);
    await once(process, "message");
    return new ListingClient(process);
  }

  /** Lists so many items; gives how many a second. */
  list(count: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const died = (): void => reject(new Error("a client died"));
      this.#process.once("exit", died);
      this.#process.once("message", (rate: number) => {
        this.#process.removeListener("exit", died);
        resolve(rate);
      });
      this.#process.send(count);
    });
  }

  [Symbol.dispose](): void {
    this.#process.disconnect();
  }
}

type Servers = ReadonlyMap<ServerName, RunningContender>;

/** Items per second of each contender in each round: all take turns; the first round warms up. */
async function measure({ contenders }: Comparison, servers: Servers): Promise<readonly (readonly number[])[]> {
  using stack = new DisposableStack();
  const clients: ListingClient[] = [];
  for (const { client, server } of contenders) {
    clients.push(stack.use(await ListingClient.start(client, servers.get(server) as RunningContender)));
  }
  const rates: number[][] = contenders.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, client] of clients.entries()) {
      const rate = await client.list(contenders[index]?.items ?? 0);
      if (round > 0) rates[index]?.push(rate);
    }
  }
  return rates;
}

/** A row for each contender, with the ratio of each of ours to each peer. */
function rowsOf({ contenders, targets }: Comparison, rates: readonly (readonly number[])[]): Record<string, unknown>[] {
  return contenders.map(({ server, client }, index) => {
    const own = rates[index] ?? [];
    const row: Record<string, unknown> = { server, client, "items/s": rounded(median(own)) };
    if (server === "nice-grpc") return row;
    for (const [peer, target] of Object.entries(targets)) {
      const peerRates =
        rates[contenders.findIndex((each) => each.server === "nice-grpc" && each.client === peer)] ?? [];
      const ratio = median(own.map((rate, round) => rate / (peerRates[round] ?? Number.NaN)));
      row[`× ${peer}`] = `${ratio.toFixed(2)} (${String(target)} ${ratio >= target ? "met" : "MISSED"})`;
    }
    return row;
  });
}

await using stack = new AsyncDisposableStack();
const servers = new Map<ServerName, RunningContender>();
for (const name of SERVERS) servers.set(name, stack.use(await startFilled(name)));
const results: unknown[] = [];
for (const comparison of COMPARISONS) {
  const rows = rowsOf(comparison, await measure(comparison, servers));
  console.log(`\n${comparison.title}`);
  console.table(rows);
  results.push({ title: comparison.title, rows });
}
writeResults("listing", { items, singleItems: SINGLE_ITEMS, rounds, results });
