import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createClient, type MetricSample } from "@millrace/client-sdk";
import { createStreamingServer } from "@millrace/server";

const dataDir = await mkdtemp(join(tmpdir(), "example-08-"));
let server = await createStreamingServer({ port: 0, dataDir });
const { port, address } = server;
await using client = createClient({ target: address });
const { metrics } = client;
const minute = 60_000;
const begin = Date.now() - 10 * minute;

// However often samples are sent under one producer and number, they are stored once.
const first = await metrics.send(requests(10_000), { producerId: "web-1" });
await replaceServer();
const again = await metrics.send(requests(10_000), { producerId: "web-1" });
console.log(`stored ${first.storedCount}, then ${again.storedCount}: ${again.duplicateCount} were there`);

for await (const { labels, start, count, quantiles } of metrics.query("request_ms", {
  from: new Date(begin),
  to: new Date(begin + 10 * minute),
  stepMs: 5 * minute,
  groupBy: ["route"],
  quantiles: [0.99],
})) {
  const p99 = quantiles[0]?.value.toFixed(0);
  console.log(`${labels["route"]} from minute ${(start.getTime() - begin) / minute}: ${count} requests, p99 ${p99} ms`);
}

// What is measured along the way goes out in the background, and never holds anything up.
{
  await using reporter = metrics.reporter({ labels: { host: "a" } });
  for (let n = 0; n < 1000; n += 1) reporter.record("queue_length", n % 10);
  await reporter.flush();
  console.log(`reported ${reporter.stored}, dropped ${reporter.dropped}`);
}

await client.close();
await server.close();
await rm(dataDir, { recursive: true });

function* requests(count: number): Generator<MetricSample> {
  for (let n = 0; n < count; n += 1) {
    const timestamp = new Date(begin + (n * 10 * minute) / count);
    yield { name: "request_ms", value: n % 100, labels: { route: n % 4 === 0 ? "/pay" : "/" }, timestamp };
  }
}

async function replaceServer(): Promise<void> {
  await server.close();
  server = await createStreamingServer({ port, dataDir });
}
