/**
 * The thread that writes a SqliteEventLog. It imports only node: modules and what does so too.
 *
 * Group commit: all that queued up while one transaction ran shares the next one, and its one fsync.
 */
import { statSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";

import { EventAppender } from "./sqlite-event-appender.js";
import { unpackAppends } from "./sqlite-event-appends.js";
import { openForWriting } from "./sqlite-event-database.js";
import { failureOf } from "./sqlite-event-failure.js";
import { EventLedger } from "./sqlite-event-ledger.js";
import { EventNames } from "./sqlite-event-names.js";
import type {
  EventAnswer,
  EventFailure,
  EventWorkerData,
  WriteRequest,
  WriteResults,
} from "./sqlite-event-protocol.js";
import type { Numbered } from "./sqlite-thread.js";
import { EventRemover } from "./sqlite-event-remover.js";

/** Largest write-ahead log, in bytes: beyond it a commit waits for readers, for a moment, so that it can begin anew. */
const MAX_WAL_BYTES = 64 * 1024 * 1024;

/** What is written before that is tried again, if someone reads for longer. */
const WAL_RETRY_BYTES = 8 * 1024 * 1024;

type WriteTask = Numbered<Exclude<WriteRequest, { kind: "close" }>>;

const port = parentPort;
if (port === null) throw new Error("this file is a worker");

const { path, maxPages } = workerData as EventWorkerData;
const database = openForWriting(path, maxPages);
const ledger = new EventLedger(database);
const names = new EventNames(database);
const appender = new EventAppender(database, ledger, names);
const remover = new EventRemover(database, ledger, names);

const queue: WriteTask[] = [];

/** Set once the database could not be made durable: nothing is acknowledged after that. */
let broken: EventFailure | undefined;

/** Size from which on the write-ahead log is made to begin anew. */
let walLimit = MAX_WAL_BYTES;

/** The request to close, once it has come. */
let closing: number | undefined;

port.on("message", ({ id, request }: Numbered<WriteRequest>) => {
  if (request.kind !== "close") return enqueue({ id, request });
  closing = id;
  if (queue.length === 0) close(id);
});
port.postMessage(ledger.state);

function enqueue(task: WriteTask): void {
  queue.push(task);
  if (queue.length === 1) setImmediate(runQueued); // after all messages that have come in
}

function runQueued(): void {
  const group = queue.splice(0);
  const isAppend = ({ request }: WriteTask): boolean => request.kind === "append";
  // Appends that the disk has no room for must not keep retention from making some.
  for (const part of [group.filter((task) => !isAppend(task)), group.filter(isAppend)]) {
    for (const answer of transact(part)) port?.postMessage(answer);
  }
  if (broken === undefined) limitWal();
  if (queue.length === 0 && closing !== undefined) close(closing);
}

/** Does all of the group or nothing. What goes on in a later transaction is queued again and not answered yet. */
function transact(group: readonly WriteTask[]): readonly EventAnswer[] {
  if (group.length === 0) return [];
  if (broken !== undefined) return failAll(group, broken);
  try {
    database.exec("BEGIN IMMEDIATE");
    const results = group.map(({ request }) => run(request));
    names.flush();
    ledger.save();
    database.exec("COMMIT");
    for (const [index, task] of group.entries()) if (results[index] === "goes on") enqueue(task);
    return group.map(({ id }, index) => ({ id, result: results[index] })).filter(({ result }) => result !== "goes on");
  } catch (error) {
    return failAll(group, abandonTransaction(error));
  }
}

function run(request: WriteTask["request"]): WriteResults[keyof WriteResults] | "goes on" {
  if (request.kind === "append")
    return unpackAppends(request.appends).map((append) => appender.append(append, request.nowMs));
  if (request.kind === "trim") return { removed: remover.trim(request.retention), firstSequence: ledger.firstSequence };
  const { firstRevision, done } = remover.truncate(request.stream, request.beforeRevision);
  return done ? { firstRevision } : "goes on";
}

/** A full disk is over once there is space. After anything else nobody knows what is on the disk. */
function abandonTransaction(error: unknown): EventFailure {
  const failure = failureOf(error);
  if (failure.kind !== "full") broken = { kind: "unavailable", message: String(error) };
  try {
    if (database.isTransaction) database.exec("ROLLBACK");
    ledger.load();
    names.forget();
    remover.forget();
  } catch (rollbackError) {
    broken = { kind: "unavailable", message: String(rollbackError) };
  }
  return broken ?? failure;
}

/** Readers that follow each other closely keep the write-ahead log from beginning anew: then it is time to wait for them. */
function limitWal(): void {
  const size = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  if (size <= MAX_WAL_BYTES) walLimit = MAX_WAL_BYTES;
  if (size <= walLimit) return;
  try {
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    walLimit = size + WAL_RETRY_BYTES;
  } catch (error) {
    abandonTransaction(error);
  }
}

function failAll(group: readonly WriteTask[], failure: EventFailure): EventAnswer[] {
  return group.map(({ id }) => ({ id, failure }));
}

function close(id: number): void {
  database.close();
  port?.postMessage({ id } satisfies EventAnswer);
  port?.close();
}
