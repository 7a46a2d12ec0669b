import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createClient } from "@millrace/client-sdk";
import { createStreamingServer } from "@millrace/server";

const dir = await mkdtemp(join(tmpdir(), "example-10-"));
const dataDir = join(dir, "server");
let server = await createStreamingServer({ port: 0, dataDir });
const { port, address } = server;
await using client = createClient({ target: address });
await client.sync.collections.create("notes", { policy: "field-last-writer-wins" });

// Two devices. Each has all documents at hand, and in a file of its own.
await using phone = await client.sync.open({ collections: ["notes"], path: join(dir, "phone.db") });
await using laptop = await client.sync.open({ collections: ["notes"], path: join(dir, "laptop.db") });
await phone.collection("notes").put("n1", { title: "Milk", done: false });
await phone.synced();
await laptop.synced();
console.log("laptop:", laptop.collection("notes").get("n1")?.json());

// Nobody can reach the server. Both go on, and change the same note.
await server.close();
await phone.collection("notes").put("n1", { title: "Milk and bread", done: false });
await laptop.collection("notes").put("n1", { title: "Milk", done: true });
await laptop.collection("notes").put("n2", { title: "Call Ada", done: false });
console.log(`offline: ${phone.status.pendingChanges} and ${laptop.status.pendingChanges} changes wait`);

// It is back: the changes meet, field by field.
server = await createStreamingServer({ port, dataDir });
await phone.synced();
await laptop.synced();
await phone.synced();
for (const replica of [phone, laptop]) {
  const notes = replica.collection("notes").query();
  console.log(replica === phone ? "phone: " : "laptop:", ...[...notes].map((note) => note.json()));
}

await phone.close();
await laptop.close();
await client.close();
await server.close();
await rm(dir, { recursive: true });
