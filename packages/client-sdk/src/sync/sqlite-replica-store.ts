import type { DatabaseSync, StatementSync } from "node:sqlite";

import { FailedPreconditionError, InternalError } from "../errors.js";
import { handled } from "../rpc/handled.js";
import type { ReplicaRow, ReplicaScan, ReplicaStore, ReplicaWrite } from "./replica-store.js";

const SCHEMA = `CREATE TABLE IF NOT EXISTS replica (
  tbl TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (tbl, key)
) STRICT, WITHOUT ROWID`;

/**
 * A prefix's rows: `$begin <= key`, and `key < $end` unless that is empty. By names, because Node before 22.20 binds no
 * `?1` by its position: https://github.com/nodejs/node/issues/59340.
 */
const IN_PREFIX = "tbl = $table AND key >= $begin AND ($end = x'' OR key < $end)";

type StatementName = "get" | "scan" | "put" | "delete" | "clear" | "moveDeletions" | "moveRows";

/**
 * Opens a store in a SQLite file, which is made if it is missing, and held until the store is closed.
 *
 * @throws {FailedPreconditionError} if this runtime has no `node:sqlite`, or the file cannot be opened, such as when another process holds it
 */
export async function openSqliteReplicaStore(path: string): Promise<ReplicaStore> {
  const sqlite = await import("node:sqlite").catch((cause: unknown) => {
    throw new FailedPreconditionError("this runtime has no node:sqlite: give a store in place of a path", { cause });
  });
  let database: DatabaseSync | undefined;
  try {
    database = new sqlite.DatabaseSync(path, { timeout: 0 });
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    database.exec(SCHEMA);
    // With this mode the lock is taken by the first write and kept.
    database.exec("BEGIN IMMEDIATE; COMMIT");
    return new SqliteReplicaStore(database);
  } catch (cause) {
    database?.close();
    throw new FailedPreconditionError(`the replica in ${path} cannot be opened: ${String(cause)}`, { cause });
  }
}

/** Changes of one turn of the event loop are one transaction, so that they share the cost of its durability. */
class SqliteReplicaStore implements ReplicaStore {
  readonly #database: DatabaseSync;
  readonly #statements: Readonly<Record<StatementName, StatementSync>>;
  /** Settles when the transaction that is open is durable; `undefined`: none is open. */
  #committing: Promise<void> | undefined;
  #failure: InternalError | undefined;
  #isOpen = true;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#statements = {
      get: database.prepare("SELECT value FROM replica WHERE tbl = ? AND key = ?"),
      scan: database.prepare(
        `SELECT key, value FROM replica WHERE ${IN_PREFIX} AND key > $after ORDER BY key LIMIT $count`,
      ),
      put: database.prepare("INSERT OR REPLACE INTO replica VALUES (?, ?, ?)"),
      delete: database.prepare("DELETE FROM replica WHERE tbl = ? AND key = ?"),
      clear: database.prepare(`DELETE FROM replica WHERE ${IN_PREFIX}`),
      moveDeletions: database.prepare(
        `DELETE FROM replica WHERE tbl = $to AND key IN (
           SELECT key FROM replica WHERE ${IN_PREFIX} AND substr(value, 1, 1) = x'00')`,
      ),
      moveRows: database.prepare(
        `INSERT OR REPLACE INTO replica SELECT $to, key, value FROM replica
         WHERE ${IN_PREFIX} AND substr(value, 1, 1) <> x'00'`,
      ),
    };
  }

  get(table: string, key: string): Uint8Array | undefined {
    return this.#statements.get.get(table, Buffer.from(key))?.["value"] as Uint8Array | undefined;
  }

  scan(table: string, { prefix = "", after = "", limit }: ReplicaScan): readonly ReplicaRow[] {
    const count = Math.min(limit, Number.MAX_SAFE_INTEGER);
    const rows = this.#statements.scan.all({ ...rangeOf(table, prefix), after: Buffer.from(after), count });
    return (rows as { key: Uint8Array; value: Uint8Array }[]).map(({ key, value }) => {
      return { key: Buffer.from(key).toString(), value };
    });
  }

  write(writes: readonly ReplicaWrite[]): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#committing === undefined) {
      this.#database.exec("BEGIN IMMEDIATE");
      this.#committing = handled(this.#commitSoon());
    }
    const committing = this.#committing;
    this.#database.exec("SAVEPOINT one");
    try {
      for (const write of writes) this.#apply(write);
    } catch (error) {
      this.#database.exec("ROLLBACK TO one; RELEASE one");
      return Promise.reject(error);
    }
    this.#database.exec("RELEASE one");
    return committing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#committing?.catch(() => undefined);
    // Not `isOpen` of the database, which Node before 22.15 does not have.
    if (this.#isOpen) this.#database.close();
    this.#isOpen = false;
  }

  async #commitSoon(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#committing = undefined;
    try {
      this.#database.exec("COMMIT");
    } catch (cause) {
      // What reads have seen may not be there next time: nothing can be built on it.
      this.#failure = new InternalError("the replica could not be written", { cause });
      throw this.#failure;
    }
  }

  #apply(write: ReplicaWrite): void {
    const { put, delete: remove, clear, moveDeletions, moveRows } = this.#statements;
    switch (write.type) {
      case "put":
        put.run(write.table, Buffer.from(write.key), write.value);
        return;
      case "delete":
        remove.run(write.table, Buffer.from(write.key));
        return;
      case "clear":
        clear.run(rangeOf(write.table, write.prefix));
        return;
      case "move":
        moveDeletions.run({ ...rangeOf(write.from, write.prefix), to: write.to });
        moveRows.run({ ...rangeOf(write.from, write.prefix), to: write.to });
        clear.run(rangeOf(write.from, write.prefix));
    }
  }
}

/** What {@link IN_PREFIX} asks for. */
function rangeOf(table: string, prefix: string): Readonly<Record<"table" | "begin" | "end", string | Buffer>> {
  const begin = Buffer.from(prefix);
  // No byte of UTF-8 is above 0xf4.
  return { table, begin, end: prefix === "" ? Buffer.alloc(0) : Buffer.concat([begin, Buffer.of(0xff)]) };
}
