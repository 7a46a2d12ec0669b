/**
 * The thread of a query process that ends it, whatever the other one does: SQLite cannot be interrupted. Ends it with the
 * server, however that ends (its standard input ends then), and when it has taken too much memory.
 */
import { read } from "node:fs";
import { workerData } from "node:worker_threads";

import { MEMORY_SIGNAL } from "./sqlite-query-protocol.js";

const STDIN = 0;
const LOOK_MS = 25;

const { maxResidentBytes } = workerData as { readonly maxResidentBytes: number };

// Nothing is ever written there: the read ends with the server.
read(STDIN, Buffer.alloc(1), 0, 1, null, () => process.kill(process.pid, "SIGKILL"));

setInterval(() => {
  if (process.memoryUsage.rss() > maxResidentBytes) process.kill(process.pid, MEMORY_SIGNAL);
}, LOOK_MS);
