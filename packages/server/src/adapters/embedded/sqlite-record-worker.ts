/**
 * The thread that owns the database of a SqliteRecordStore. It imports only node: modules (and
 * types), so that Node runs it straight from this source in tests.
 *
 * Group commit: all commits that queued up while one transaction ran share the next one, and its
 * one fsync. Each has a savepoint of its own: a conflict in one does not touch the others.
 */
import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";

import type { Mutation, ScanOptions, StoredRecord } from "../../ports/record-store.js";

import type {
  NumberedRequest,
  RecordAnswer,
  RecordFailure,
  RecordRequest,
  RecordWorkerData,
  RecordWorkerReady,
} from "./sqlite-record-protocol.js";

const SCHEMA_VERSION = 1;
const SCHEMA = `
  CREATE TABLE records (
    collection TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    value TEXT NOT NULL,
    PRIMARY KEY (collection, key)
  ) STRICT, WITHOUT ROWID`;

/** Result codes of SQLite, https://sqlite.org/rescode.html. */
const SQLITE_FULL = 13;
/** Commits that share one transaction, at most: bounds how long the first of them waits. */
const MAX_GROUP = 512;

type Commit = Extract<RecordRequest, { kind: "commit" }>;
interface QueuedCommit {
  readonly id: number;
  readonly mutations: readonly Mutation[];
}

const port = parentPort;
if (port === null) throw new Error("this file is a worker");

const database = openDatabase((workerData as RecordWorkerData).path);
const statements = {
  get: database.prepare("SELECT key, version, value FROM records WHERE collection = ? AND key = ?"),
  scan: database.prepare(
    "SELECT key, version, value FROM records WHERE collection = ? AND key >= ? AND key > ? ORDER BY key LIMIT ? + 0",
  ),
  scanBelow: database.prepare(
    "SELECT key, version, value FROM records WHERE collection = ? AND key >= ? AND key > ? AND key < ? ORDER BY key LIMIT ? + 0",
  ),
  version: database.prepare("SELECT version FROM records WHERE collection = ? AND key = ?"),
  put: database.prepare(
    `INSERT INTO records (collection, key, version, value) VALUES (?, ?, 1, ?)
     ON CONFLICT DO UPDATE SET version = version + 1, value = excluded.value`,
  ),
  delete: database.prepare("DELETE FROM records WHERE collection = ? AND key = ?"),
};

const queue: QueuedCommit[] = [];
let scheduled = false;
/** Set once the database could not be made durable: nothing is acknowledged after that. */
let broken: RecordFailure | undefined;

port.on("message", ({ id, request }: NumberedRequest) => {
  if (request.kind === "commit") enqueue(id, request);
  else if (request.kind === "close") close(id);
  else answerRead(id, request);
});
port.postMessage({ ready: true } satisfies RecordWorkerReady);

function openDatabase(path: string): DatabaseSync {
  const opened = new DatabaseSync(path, { timeout: 0, allowExtension: false });
  opened.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF");
  const { user_version: version } = opened.prepare("PRAGMA user_version").get() as { user_version: number };
  if (version > SCHEMA_VERSION) {
    throw new Error(`the records have format ${String(version)}, this server reads up to ${String(SCHEMA_VERSION)}`);
  }
  if (version === 0) opened.exec(`BEGIN; ${SCHEMA}; PRAGMA user_version = ${String(SCHEMA_VERSION)}; COMMIT`);
  return opened;
}

/** Reads run between transactions, so they only ever see what is committed. */
function answerRead(id: number, request: Exclude<RecordRequest, { kind: "commit" | "close" }>): void {
  try {
    const records = request.kind === "get" ? getRecord(request.collection, request.key) : scanRecords(request);
    answer({ id, records });
  } catch (error) {
    answer({ id, failure: failureOf(error) });
  }
}

function getRecord(collection: string, key: string): StoredRecord[] {
  const row = statements.get.get(collection, key);
  return row === undefined ? [] : [row as unknown as StoredRecord];
}

function scanRecords({ collection, options }: { collection: string; options: ScanOptions }): StoredRecord[] {
  const { prefix = "", after = "", limit } = options;
  const below = afterPrefix(prefix);
  const rows =
    below === undefined
      ? statements.scan.all(collection, prefix, after, limit)
      : statements.scanBelow.all(collection, prefix, after, below, limit);
  return rows as unknown as StoredRecord[];
}

/** The smallest string above all that start with `prefix`, in the order of UTF-8; `undefined` if there is none. */
function afterPrefix(prefix: string): string | undefined {
  const characters = Array.from(prefix);
  while (characters.at(-1) === "\u{10ffff}") characters.pop();
  const last = characters.pop()?.codePointAt(0);
  if (last === undefined) return undefined;
  return characters.join("") + String.fromCodePoint(last === 0xd7ff ? 0xe000 : last + 1);
}

function enqueue(id: number, { mutations }: Commit): void {
  queue.push({ id, mutations });
  if (scheduled) return;
  scheduled = true;
  setImmediate(commitQueued); // after all messages that have come in
}

function commitQueued(): void {
  scheduled = false;
  const group = queue.splice(0, MAX_GROUP);
  if (group.length === 0) return;
  if (queue.length > 0) {
    scheduled = true;
    setImmediate(commitQueued);
  }
  for (const result of commitGroup(group)) answer(result);
}

function commitGroup(group: readonly QueuedCommit[]): RecordAnswer[] {
  if (broken !== undefined) return failAll(group, broken);
  try {
    database.exec("BEGIN IMMEDIATE");
    const answers = group.map((commit) => applyCommit(commit));
    database.exec("COMMIT");
    return answers;
  } catch (error) {
    return failAll(group, abandonTransaction(error));
  }
}

/** A full disk is over once there is space. After anything else nobody knows what is on the disk. */
function abandonTransaction(error: unknown): RecordFailure {
  const failure = failureOf(error);
  if (failure.kind !== "full") broken = failure;
  try {
    if (database.isTransaction) database.exec("ROLLBACK");
  } catch (rollbackError) {
    broken = failureOf(rollbackError);
  }
  return failure;
}

function applyCommit({ id, mutations }: QueuedCommit): RecordAnswer {
  database.exec("SAVEPOINT one");
  for (const [index, mutation] of mutations.entries()) {
    const conflict = applyMutation(mutation);
    if (conflict !== undefined) {
      database.exec("ROLLBACK TO one; RELEASE one");
      return { id, failure: { kind: "conflict", index, actualVersion: conflict } };
    }
  }
  database.exec("RELEASE one");
  return { id };
}

/** The actual version if the precondition does not hold. */
function applyMutation({ collection, key, value, ifVersion }: Mutation): number | undefined {
  if (ifVersion !== undefined) {
    const row = statements.version.get(collection, key) as { version: number } | undefined;
    const version = row?.version ?? 0;
    if (version !== ifVersion) return version;
  }
  if (value === undefined) statements.delete.run(collection, key);
  else statements.put.run(collection, key, value);
  return undefined;
}

function failAll(group: readonly QueuedCommit[], failure: RecordFailure): RecordAnswer[] {
  return group.map(({ id }) => ({ id, failure }));
}

function failureOf(error: unknown): RecordFailure {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : 0;
  return { kind: code === SQLITE_FULL ? "full" : "unavailable", message };
}

/** What was asked before is done first: messages keep their order, and so do queued commits. */
function close(id: number): void {
  while (queue.length > 0) commitQueued();
  database.close();
  answer({ id });
  port?.close();
}

function answer(message: RecordAnswer): void {
  port?.postMessage(message);
}
