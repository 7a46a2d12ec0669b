import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createClient } from "@millrace/client-sdk";
import { createStreamingServer } from "@millrace/server";

const MIB = 1024 * 1024;

const directory = await mkdtemp(join(tmpdir(), "example-04-"));
const dataDir = join(directory, "data");

let server = await createStreamingServer({ port: 0, dataDir });
const { port, address } = server;
await using client = createClient({ target: address });

const { fileId } = await client.files.upload(randomBytes(64 * MIB), { filename: "big.bin" });

let received = 0;
let deploy: Promise<void> | undefined;
const download = client.files.download(fileId);
for await (const { content } of download) {
  received += content.byteLength;
  // In the middle of the download the server is replaced, as in a deploy.
  if (received > 16 * MIB) deploy ??= replaceServer();
}
await deploy;

console.log(`received ${received / MIB} MiB, checksum verified, resumed: ${download.attempts > 1}`);
await server.close();
await rm(directory, { recursive: true });

async function replaceServer(): Promise<void> {
  await server.close(); // ends streams with the position to resume from, gives other calls time to finish
  console.log("the old server has drained");
  server = await createStreamingServer({ port, dataDir });
  console.log("the new server is ready");
}
