import { monitorEventLoopDelay } from "node:perf_hooks";

import { createStreamingServer } from "@millrace/server";

// The server as in production, which tells its parent how long its event loop was ever held up.

const [, , dataDir = ""] = process.argv;
const server = await createStreamingServer({ port: 0, dataDir });
const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
process.on("message", () => {
  process.send?.({ longestStallMs: delay.max / 1e6, residentBytes: process.memoryUsage.rss() });
  delay.reset();
});
process.once("SIGTERM", () => void server.close().finally(() => process.exit()));
process.send?.({ target: server.address });
