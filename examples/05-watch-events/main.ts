import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createClient, FileResumeStore } from "@millrace/client-sdk";
import { createStreamingServer } from "@millrace/server";

const directory = await mkdtemp(join(tmpdir(), "example-05-"));
const dataDir = join(directory, "data");

let server = await createStreamingServer({ port: 0, dataDir });
const { port, address } = server;
await using client = createClient({ target: address });
const { events } = client;

// Publishing is safe to repeat: an event is stored once under its id, here only if the stream is empty.
const order = { id: "order-1", type: "order.created", stream: "orders", json: { total: 12 } };
const stored = await events.publish(order, { expectedRevision: 0 });
const again = await events.publish(order, { expectedRevision: 0 });
console.log(`stored as revision ${stored.streamRevision}, the second time a duplicate: ${again.duplicate}`);

// A watch goes on while the server is replaced, and remembers in a store what was finished.
const resume = { store: new FileResumeStore(join(directory, "positions")), key: "shipping" };
const large = { from: "beginning", types: ["order.*"], filter: "payload.total > 10", resume } as const;
for await (const event of events.watch({ ...large, limit: 2 })) {
  console.log(`to ship: ${event.id} ${event.text()}`);
  if (event.id !== "order-1") continue;
  await replaceServer();
  const totals = [5, 30, 40];
  await events.publish(totals.map((total, n) => ({ ...order, id: `order-${n + 2}`, json: { total } })));
}

// The next run of the program goes on there.
for await (const event of events.watch({ ...large, limit: 1 })) console.log(`later: ${event.id}`);

// A subscription has each event handled, by one of its consumers, until that succeeds.
const billed = Promise.withResolvers<void>();
let isOutOfPaper = true;
const billing = events.subscribe({ name: "billing", create: { from: "beginning", minRetryDelayMs: 1 } }, ({ id }) => {
  if (id !== "order-4") return;
  if (isOutOfPaper) {
    isOutOfPaper = false;
    throw new Error("out of paper");
  }
  billed.resolve();
});
await billed.promise;
await billing.close(); // the last acknowledgement is durable
console.log(`billed: ${billing.stats.acknowledged} orders in ${billing.stats.handled} attempts`);

await server.close();
await rm(directory, { recursive: true });

async function replaceServer(): Promise<void> {
  await server.close();
  server = await createStreamingServer({ port, dataDir });
  console.log("the server was replaced");
}
