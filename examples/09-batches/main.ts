import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createClient } from "@millrace/client-sdk";
import { createStreamingServer, defineProcessor, type RunningServer } from "@millrace/server";

interface Order {
  readonly id: string;
  readonly total: number;
}

/** What this server can do with an item, besides what every server can. */
const charge = defineProcessor({
  description: "Charges an order.",
  idempotent: true,
  decode: (payload) => JSON.parse(Buffer.from(payload).toString()) as Order,
  run: async ({ id, total }) => {
    if (total > 950) throw new RangeError("too much"); // callers learn that it failed, the log learns why
    return Buffer.from(`charged ${id}`);
  },
});

const dataDir = await mkdtemp(join(tmpdir(), "example-09-"));
let server = await startServer(0);
const { port, address } = server;
await using client = createClient({ target: address });
const orders = Array.from({ length: 1000 }, (_, n) => ({ id: `order-${n}`, total: n }));
const items = orders.map((order) => ({ id: order.id, json: order, idempotencyKey: `charge ${order.id}` }));

// The server is replaced in the middle: only what has no outcome is sent again.
let replaced: Promise<void> | undefined;
const { batchId, succeeded, failed, failures } = await client.batch.process(items, {
  operation: "charge",
  maxConcurrency: 16,
  onResult: ({ index }) => {
    if (index === 300) replaced ??= replaceServer();
  },
});
await replaced;
console.log(`${succeeded} charged, ${failed} not; the first of them: ${failures.map(({ id }) => id).sort()[0]}`);

// The same items in another batch have the outcome that they had.
const again = await client.batch.process(items, { operation: "charge" });
console.log(`again: ${again.replayed} of ${again.processed} were not run a second time`);

for await (const { id, error } of client.batch.results(batchId, { failuresOnly: true, pageSize: 10 })) {
  console.log(`${id}: ${error?.kind}`);
  break;
}

await client.close();
await server.close();
await rm(dataDir, { recursive: true });

function startServer(on: number): Promise<RunningServer> {
  return createStreamingServer({ port: on, dataDir, processors: { charge } });
}

async function replaceServer(): Promise<void> {
  await server.close();
  server = await startServer(port);
}
