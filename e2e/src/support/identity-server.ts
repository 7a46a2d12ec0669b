import { parseArgs } from "node:util";

import { createStreamingServer } from "@millrace/server";

// The server as in production, for callers who say who they are in a header.

const { values } = parseArgs({
  options: { port: { type: "string", default: "0" }, "data-dir": { type: "string" }, "log-level": { type: "string" } },
});
const server = await createStreamingServer({
  port: Number(values.port),
  ...(values["data-dir"] !== undefined && { dataDir: values["data-dir"] }),
  authenticate: ({ headers }) => ({ id: String(headers["x-user"] ?? "") }),
});
process.once("SIGTERM", () => void server.close().finally(() => process.exit()));
process.stdout.write(`millrace ready on ${server.address}\n`);
