/**
 * The thread that writes a SqliteItemStore. It imports only node: modules and what does so too.
 *
 * Group commit: all that queued up while one transaction ran shares the next one, and its one fsync.
 */
import { statSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";

import { ItemCollections } from "./sqlite-item-collections.js";
import { packResults, unpackCommits } from "./sqlite-item-commits.js";
import { ItemCommitter } from "./sqlite-item-committer.js";
import { openForWriting } from "./sqlite-item-database.js";
import { itemFailureOf } from "./sqlite-item-failure.js";
import { ItemLedger } from "./sqlite-item-ledger.js";
import type {
  ItemFailure,
  ItemStoreState,
  ItemWorkerData,
  ItemWriteRequest,
  ItemWriteResults,
} from "./sqlite-item-protocol.js";
import { ItemRemover } from "./sqlite-item-remover.js";
import type { Answer, Numbered } from "./sqlite-thread.js";

/** Largest write-ahead log, in bytes: beyond it a commit waits for readers, for a moment, so that it can begin anew. */
const MAX_WAL_BYTES = 64 * 1024 * 1024;

/** What is written before that is tried again, if someone reads for longer. */
const WAL_RETRY_BYTES = 8 * 1024 * 1024;

type WriteTask = Numbered<Exclude<ItemWriteRequest, { kind: "close" }>>;

const port = parentPort;
if (port === null) throw new Error("this file is a worker");

const { path, maxPages } = workerData as ItemWorkerData;
const database = openForWriting(path, maxPages);
const ledger = new ItemLedger(database);
const collections = new ItemCollections(database);
const committer = new ItemCommitter(database, ledger, collections);
const remover = new ItemRemover(database, ledger, collections);

const queue: WriteTask[] = [];
/** Set once the database could not be made durable: nothing is acknowledged after that. */
let broken: ItemFailure | undefined;

let walLimit = MAX_WAL_BYTES;
/** The request to close, once it has come. */
let closing: number | undefined;

port.on("message", ({ id, request }: Numbered<ItemWriteRequest>) => {
  if (request.kind !== "close") return enqueue({ id, request });
  closing = id;
  if (queue.length === 0) close(id);
});
port.postMessage({ version: ledger.version } satisfies ItemStoreState);

function enqueue(task: WriteTask): void {
  queue.push(task);
  if (queue.length === 1) setImmediate(runQueued); // after all messages that have come in
}

function runQueued(): void {
  const group = queue.splice(0);
  for (const answer of transact(group)) {
    port?.postMessage(answer, answer.result instanceof ArrayBuffer ? [answer.result] : []);
  }
  if (broken === undefined) limitWal();
  if (queue.length === 0 && closing !== undefined) close(closing);
}

/** Does all of the group or nothing. */
function transact(group: readonly WriteTask[]): readonly Answer<ItemFailure>[] {
  if (broken !== undefined) return failAll(group, broken);
  try {
    database.exec("BEGIN IMMEDIATE");
    const answers = group.map(({ id, request }) => ({ id, result: run(request) }));
    collections.flush();
    ledger.save();
    database.exec("COMMIT");
    return answers;
  } catch (error) {
    return failAll(group, abandonTransaction(error));
  }
}

function run(request: WriteTask["request"]): ItemWriteResults[keyof ItemWriteResults] {
  switch (request.kind) {
    case "commit":
      return packResults(unpackCommits(request.commits).map((commit) => committer.apply(commit, request.nowMs)));
    case "drop":
      return remover.drop(request.collection);
    case "vacuum":
      return remover.vacuum(request.beforeMs, request.tombstones);
  }
}

/** A full disk is over once there is space. After anything else nobody knows what is on the disk. */
function abandonTransaction(error: unknown): ItemFailure {
  const failure = itemFailureOf(error);
  if (failure.kind !== "full") broken = { kind: "unavailable", message: String(error) };
  try {
    if (database.isTransaction) database.exec("ROLLBACK");
    ledger.load();
    collections.forget();
  } catch (rollbackError) {
    broken = { kind: "unavailable", message: String(rollbackError) };
  }
  return broken ?? failure;
}

/** Readers that follow each other closely keep the write-ahead log from beginning anew: then it is time to wait for them. */
function limitWal(): void {
  const { size } = statSync(`${path}-wal`);
  if (size <= MAX_WAL_BYTES) walLimit = MAX_WAL_BYTES;
  if (size <= walLimit) return;
  try {
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    walLimit = size + WAL_RETRY_BYTES;
  } catch (error) {
    abandonTransaction(error);
  }
}

function failAll(group: readonly WriteTask[], failure: ItemFailure): Answer<ItemFailure>[] {
  return group.map(({ id }) => ({ id, failure }));
}

function close(id: number): void {
  database.close();
  port?.postMessage({ id } satisfies Answer<ItemFailure>);
  port?.close();
}
