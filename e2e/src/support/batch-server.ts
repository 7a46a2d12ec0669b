import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { createStreamingServer, defineProcessor } from "@millrace/server";
import { ServiceError } from "@millrace/shared-types";

// The server as in production, with a processor that leaves a line in a file each time that it has run to success.

const { values } = parseArgs({
  options: { port: { type: "string", default: "0" }, "data-dir": { type: "string" }, "log-level": { type: "string" } },
});
const dataDir = values["data-dir"] ?? ".";

const work = defineProcessor({
  description: "Notes the number of the item, unless it ends with 0.",
  decode: (payload) => Number(Buffer.from(payload).toString()),
  run(n) {
    if (n % 10 === 0) throw new ServiceError("FEATURE_DISABLED", `item ${String(n)} never succeeds`);
    appendFileSync(join(dataDir, "work.txt"), `${String(n)}\n`);
  },
});

const server = await createStreamingServer({ port: Number(values.port), dataDir, processors: { work } });
process.once("SIGTERM", () => void server.close().finally(() => process.exit()));
process.stdout.write(`millrace ready on ${server.address}\n`);
