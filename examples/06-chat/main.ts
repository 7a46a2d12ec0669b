import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type ChatPosition, createClient } from "@millrace/client-sdk";
import { createStreamingServer, type RunningServer } from "@millrace/server";

const dataDir = await mkdtemp(join(tmpdir(), "example-06-"));
let server = await startServer(0);
const { port, address } = server;
await using ann = createClient({ target: address, auth: "ann" });
await using bob = createClient({ target: address, auth: "bob" });

await using annsRoom = await ann.chat.join("lobby");
const bobsRoom = await bob.chat.join("lobby");
const { members } = await ann.chat.presence("lobby");
console.log(`in the room: ${members.map(({ userId }) => userId).join(" and ")}`);

let seen: ChatPosition | undefined;
await annsRoom.send("hello, bob");
for await (const message of bobsRoom) {
  const { id, userId, kind, content } = message;
  console.log(`bob hears ${userId}: ${content}`);
  seen = message; // a message is a position, too
  if (kind === "reaction") break; // leaving the loop leaves the room
  await replaceServer(); // nobody notices
  await bobsRoom.react(id, "+1");
}

// Meanwhile things go on. A message with a name of its own is stored once, however often it is sent.
const order = { content: "two coffees, please", clientMessageId: "order-7" };
const first = await annsRoom.send(order);
const second = await ann.chat.send("lobby", order);
console.log(`stored as ${first.sequence}, the second time a duplicate: ${second.duplicate}`);
await annsRoom.edit(first.id, "three coffees, please");

// Later bob goes on where he was.
await using later = await bob.chat.join({ room: "lobby", ...(seen && { after: seen }) });
for await (const { sequence, kind, content } of later) {
  console.log(`bob hears later: ${sequence} (${kind}) ${content}`);
  if (kind === "edit") break;
}

await annsRoom.leave();
for await (const { sequence, userId, content } of ann.chat.history("lobby", { backwards: true, limit: 2 })) {
  console.log(`history: ${sequence} ${userId}: ${content}`);
}
await server.close();
await rm(dataDir, { recursive: true });

function startServer(on: number): Promise<RunningServer> {
  return createStreamingServer({
    port: on,
    dataDir,
    // In earnest this looks at a signed token.
    authenticate: ({ headers }) => ({ id: String(headers["authorization"]).replace("Bearer ", "") }),
  });
}

async function replaceServer(): Promise<void> {
  await server.close();
  server = await startServer(port);
  console.log("the server was replaced");
}
