import { createTypedClient } from "@millrace/client-sdk";
import { createServer, service } from "@millrace/server";

import { CountdownDefinition } from "./countdown.ts";

const stopped = Promise.withResolvers<void>();

const countdown = service(CountdownDefinition, {
  async *count({ seconds }, { signal }) {
    try {
      for (let left = seconds; left >= 0; left--) {
        signal.throwIfAborted();
        yield { seconds: left, nanos: 0 };
      }
    } finally {
      if (signal.aborted) stopped.resolve();
    }
  },
});

await using server = await createServer({ port: 0, services: [countdown] });
await using client = createTypedClient(CountdownDefinition, { target: server.address });

for await (const { seconds } of client.count({ seconds: 3 })) console.log(`client: ${seconds}`);

// Leaving the loop cancels the call on both sides.
for await (const { seconds } of client.count({ seconds: 1_000_000 })) {
  console.log(`client: ${seconds}, that is too long`);
  break;
}
await stopped.promise;
console.log("server: the handler was told to stop");
