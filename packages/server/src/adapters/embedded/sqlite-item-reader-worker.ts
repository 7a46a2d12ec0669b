/** The thread that reads a SqliteItemStore, beside the one that writes it. */
import { parentPort, workerData } from "node:worker_threads";

import { openForReading } from "./sqlite-item-database.js";
import { itemFailureOf } from "./sqlite-item-failure.js";
import type { ItemFailure, ItemReadRequest, ItemReadResults, ItemWorkerData } from "./sqlite-item-protocol.js";
import { ItemReader } from "./sqlite-item-reader.js";
import type { Answer, Numbered } from "./sqlite-thread.js";

const port = parentPort;
if (port === null) throw new Error("this file is a worker");

const database = openForReading((workerData as ItemWorkerData).path);
const reader = new ItemReader(database);

port.on("message", ({ id, request }: Numbered<ItemReadRequest>) => {
  try {
    answer({ id, result: request.kind === "close" ? close() : inTransaction(() => run(request)) });
  } catch (error) {
    answer({ id, failure: itemFailureOf(error) });
  }
});
port.postMessage("ready");

type Result = ItemReadResults[keyof ItemReadResults];

/** All of a request sees the same state of the store. */
function inTransaction(work: () => Result): Result {
  database.exec("BEGIN");
  try {
    return work();
  } finally {
    database.exec("ROLLBACK");
  }
}

function run(request: Exclude<ItemReadRequest, { kind: "close" }>): Result {
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

function answer(message: Answer<ItemFailure> & { readonly result?: Result }): void {
  const { result } = message;
  const records = typeof result === "object" && "records" in result ? [result.records] : [];
  port?.postMessage(message, records);
}

function close(): undefined {
  database.close();
  setImmediate(() => port?.close());
}
