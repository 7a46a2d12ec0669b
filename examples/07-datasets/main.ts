import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createClient, type OutgoingItem, StreamingError } from "@millrace/client-sdk";
import { createStreamingServer } from "@millrace/server";

interface Order {
  readonly region: string;
  readonly total: number;
}

const dataDir = await mkdtemp(join(tmpdir(), "example-07-"));
let server = await createStreamingServer({ port: 0, dataDir });
const { port, address } = server;
await using client = createClient({ target: address });
const { data } = client;
const dataset = "orders";

await data.datasets.create(dataset);
const { storedItems } = await data.import(orders(10_000), { dataset });
console.log(`imported ${storedItems} orders`);

// A listing shows one moment, whatever is written meanwhile, and goes on when the server is replaced under it.
const europe = { dataset, filter: 'data.region == "eu"' };
let [count, sum] = [0, 0];
const listing = data.list(europe);
for await (const item of listing) {
  if (count === 1_000) await disturb();
  if (count === 2_000) break; // leaving the loop ends the call
  count += 1;
  sum += (item.json() as Order).total;
}
console.log(`${count} orders from Europe so far`);

// Later, or in another process, after the last item that the loop had finished and at the same moment as before.
const { position } = listing;
for await (const item of data.list({ ...europe, ...(position !== undefined && { from: position }) })) {
  count += 1;
  sum += (item.json() as Order).total;
}
console.log(`${count} orders from Europe: ${sum}`);

// Two people change one order: the second one is told.
const { version } = await data.get("order-00007", { dataset });
await data.put({ key: "order-00007", json: { region: "us", total: 1 } }, { dataset, ifVersionMatch: version });
try {
  await data.put({ key: "order-00007", json: { region: "us", total: 2 } }, { dataset, ifVersionMatch: version });
} catch (error) {
  if (!StreamingError.is(error)) throw error;
  console.log(`refused: ${error.reason}`);
}

await client.close();
await server.close();
await rm(dataDir, { recursive: true });

function* orders(howMany: number): Generator<OutgoingItem> {
  for (let n = 0; n < howMany; n += 1) {
    const order: Order = { region: n % 2 === 0 ? "eu" : "us", total: n };
    yield { key: `order-${String(n).padStart(5, "0")}`, json: order };
  }
}

async function disturb(): Promise<void> {
  await data.put({ key: "order-99999", json: { region: "eu", total: 1_000_000 } }, { dataset });
  await server.close();
  server = await createStreamingServer({ port, dataDir });
  console.log("an order came, and the server was replaced");
}
