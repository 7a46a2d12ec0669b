/** The thread that writes a SqliteEventLog. It imports only node: modules and what does so too. */
import { workerData } from "node:worker_threads";

import { EventAppender } from "./sqlite-event-appender.js";
import { unpackAppends } from "./sqlite-event-appends.js";
import { openForWriting } from "./sqlite-event-database.js";
import { LogEnds } from "./sqlite-event-ends.js";
import { failureOf } from "./sqlite-event-failure.js";
import { EventLedger } from "./sqlite-event-ledger.js";
import { EventNames } from "./sqlite-event-names.js";
import type { EventFailure, EventWorkerData, WriteRequest, WriteResults } from "./sqlite-event-protocol.js";
import { EventRemover } from "./sqlite-event-remover.js";
import { GOES_ON, serveCommits } from "./sqlite-group-commit.js";

const { path, maxPages } = workerData as EventWorkerData;
const database = openForWriting(path, maxPages);
const ends = new LogEnds(database);
ends.checkFirst(ends.get());
ends.checkLast(ends.get());
const ledger = new EventLedger(database);
const names = new EventNames(database);
const appender = new EventAppender(database, ledger, names);
const remover = new EventRemover(database, ledger, names);

serveCommits<WriteRequest, EventFailure>(
  {
    database,
    path,
    run,
    flush() {
      names.flush();
      ledger.save();
    },
    forget() {
      ledger.load();
      names.forget();
      remover.forget();
    },
    failureOf,
    unavailable: (message) => ({ kind: "unavailable", message }),
    apart: "append", // what the disk has no room for must not keep retention from making some
  },
  ledger.state,
);

function run(request: Exclude<WriteRequest, { kind: "close" }>): WriteResults[keyof WriteResults] | typeof GOES_ON {
  if (request.kind === "append")
    return unpackAppends(request.appends).map((append) => appender.append(append, request.nowMs));
  if (request.kind === "trim") return { removed: remover.trim(request.retention), firstSequence: ledger.firstSequence };
  const { firstRevision, done } = remover.truncate(request.stream, request.beforeRevision);
  return done ? { firstRevision } : GOES_ON;
}
