/** The thread that reads a SqliteItemStore, beside the one that writes it. */
import { workerData } from "node:worker_threads";

import { openForReading } from "./sqlite-item-database.js";
import { itemFailureOf } from "./sqlite-item-failure.js";
import type { ItemFailure, ItemReadRequest, ItemReadResults, ItemWorkerData } from "./sqlite-item-protocol.js";
import { ItemReader } from "./sqlite-item-reader.js";
import { inReadTransaction, serveReads } from "./sqlite-reads.js";

const database = openForReading((workerData as ItemWorkerData).path);
const reader = new ItemReader(database);

serveReads<ItemReadRequest, ItemFailure>({
  database,
  run: (request) => inReadTransaction(database, () => run(request)),
  failureOf: itemFailureOf,
});

function run(request: Exclude<ItemReadRequest, { kind: "close" }>): ItemReadResults[keyof ItemReadResults] {
  switch (request.kind) {
    case "get":
      return reader.get(request);
    case "getAll":
      return reader.getAll(request.collection, request.keys);
    case "scan":
      return reader.scan(request.scan);
    case "changes":
      return reader.changes(request.scan);
    case "size":
      return reader.size(request.collection);
    case "tombstones":
      return reader.tombstones(request.afterName);
  }
}
