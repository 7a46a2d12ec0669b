import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createClient, StreamingError } from "@millrace/client-sdk";
import { createStreamingServer } from "@millrace/server";

const dataDir = await mkdtemp(join(tmpdir(), "example-11-"));
const server = await createStreamingServer({ port: 0, dataDir });
await using client = createClient({ target: server.address });

for (const [city, total] of Object.entries({ Ulm: 12, Bonn: 7, Kiel: 30 })) {
  await client.data.put({ key: city, json: { total } });
  await client.events.publish({ type: "order.created", key: city, json: { total } });
}

// Several queries at a time on one stream; each is read at the pace of its loop.
await using session = client.query.session();
const rows = session.query<{ city: string; total: number }>(
  "SELECT key AS city, json_extract(json, '$.total') AS total FROM items WHERE dataset = 'default' AND total > $1 ORDER BY total",
  { params: [10] },
);
const [{ orders } = { orders: 0 }] = await session.query<{ orders: number }>(
  "SELECT count(*) AS orders FROM events JOIN items ON items.key = events.key WHERE events.type = 'order.created'",
);
console.log(`${orders} orders`);
for await (const { city, total } of rows) console.log(`${city}: ${total}`);

// Statements read what is published, and do nothing else.
try {
  await session.query("DELETE FROM items");
} catch (error) {
  if (!StreamingError.is(error)) throw error;
  console.log(`refused: ${error.reason}`);
}

await client.close();
await server.close();
await rm(dataDir, { recursive: true });
