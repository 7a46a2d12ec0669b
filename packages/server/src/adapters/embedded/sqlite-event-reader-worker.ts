/** The thread that reads a SqliteEventLog, beside the one that writes it. */
import { workerData } from "node:worker_threads";

import { openForReading } from "./sqlite-event-database.js";
import { failureOf } from "./sqlite-event-failure.js";
import type { EventFailure, EventWorkerData, ReadRequest, ReadResults } from "./sqlite-event-protocol.js";
import { EventReader } from "./sqlite-event-reader.js";
import { inReadTransaction, serveReads } from "./sqlite-reads.js";

const database = openForReading((workerData as EventWorkerData).path);
const reader = new EventReader(database);

serveReads<ReadRequest, EventFailure>({
  database,
  run: (request) => inReadTransaction(database, () => run(request)),
  failureOf,
});

function run(request: Exclude<ReadRequest, { kind: "close" }>): ReadResults[keyof ReadResults] {
  switch (request.kind) {
    case "read":
      return reader.read(request.options);
    case "previous":
      return reader.previous(request.events);
    case "find":
      return reader.find(request.stream, request.id);
    case "sequenceAt":
      return reader.sequenceAt(request.timeMs);
    case "streamRange":
      return reader.streamRange(request.stream);
  }
}
