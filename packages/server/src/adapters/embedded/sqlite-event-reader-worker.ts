/** The thread that reads a SqliteEventLog, beside the one that writes it. */
import { parentPort, workerData } from "node:worker_threads";

import { openForReading } from "./sqlite-event-database.js";
import { failureOf } from "./sqlite-event-failure.js";
import type { EventAnswer, EventWorkerData, ReadRequest, ReadResults } from "./sqlite-event-protocol.js";
import type { Numbered } from "./sqlite-thread.js";
import { EventReader } from "./sqlite-event-reader.js";

const port = parentPort;
if (port === null) throw new Error("this file is a worker");

const database = openForReading((workerData as EventWorkerData).path);
const reader = new EventReader(database);

port.on("message", ({ id, request }: Numbered<ReadRequest>) => {
  try {
    answer({ id, result: request.kind === "close" ? close() : inTransaction(() => run(request)) });
  } catch (error) {
    answer({ id, failure: failureOf(error) });
  }
});
port.postMessage("ready");

type Result = ReadResults[keyof ReadResults];

/** All of a request sees the same state of the log. */
function inTransaction(work: () => Result): Result {
  database.exec("BEGIN");
  try {
    return work();
  } finally {
    database.exec("ROLLBACK");
  }
}

function run(request: Exclude<ReadRequest, { kind: "close" }>): Result {
  switch (request.kind) {
    case "read":
      return reader.read(request.options);
    case "find":
      return reader.find(request.stream, request.id);
    case "previous":
      return reader.previous(request.events);
    case "sequenceAt":
      return reader.sequenceAt(request.timeMs);
    case "streamRange":
      return reader.streamRange(request.stream);
  }
}

function answer(message: EventAnswer & { readonly result?: Result }): void {
  const { result } = message;
  const records = typeof result === "object" && "records" in result ? [result.records] : [];
  port?.postMessage(message, records);
}

function close(): undefined {
  database.close();
  setImmediate(() => port?.close());
}
