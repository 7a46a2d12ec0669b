/**
 * A database in which statements of strangers run. Imports only node: modules and what does so too.
 *
 * Statements are prepared twice. First where nothing is but empty tables with the published names: whatever is prepared
 * there can only mean those. Then, the same text, where these names are views over the server's files. Both are locked
 * down before the first statement; the order matters, because each lock would keep the next step from being done.
 */
import { pathToFileURL } from "node:url";
import { constants, DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";

import type { QueryBatch, QueryReadLimits, QueryScalar, QueryScope, QueryStatement } from "../../ports/query-engine.js";
import type { QueryTableColumn } from "../../ports/query-tables.js";

import { QueryError } from "./sqlite-query-failure.js";
import { defineFunctions } from "./sqlite-query-functions.js";
import { type Action, mayDo } from "./sqlite-query-permissions.js";
import type { QueryFiles, QueryProcessLimits } from "./sqlite-query-protocol.js";
import { checkStatement } from "./sqlite-query-text.js";
import { ATTACHED, emptyTableStatements, typeDeclaredAs, viewStatements } from "./sqlite-query-views.js";

/** How long a read waits for a checkpoint to end, in milliseconds. */
const READER_PATIENCE_MS = 5000;

/** What a value costs besides its bytes. */
const VALUE_BYTES = 16;

const NOBODY: QueryScope = { callerId: "", mayChat: false, nowMs: 0 };

/** What a statement gives. */
export interface StatementShape {
  readonly columns: readonly QueryTableColumn[];
  readonly parameterCount: number;
}

/** Runs one statement at a time. */
export class QuerySandbox {
  readonly #published: DatabaseSync;
  readonly #data: DatabaseSync;
  readonly #maxValueBytes: number;
  readonly #hasMetrics: boolean;
  /** While the sandbox does something itself. */
  #isOurs = true;
  #scope: QueryScope = NOBODY;
  #rows: Iterator<readonly QueryScalar[], undefined> | undefined;
  /** A row that did not fit into the batch before. */
  #next: { readonly row: readonly QueryScalar[]; readonly bytes: number } | undefined;

  constructor(files: QueryFiles, limits: QueryProcessLimits) {
    this.#maxValueBytes = limits.maxValueBytes;
    this.#published = openEmpty();
    for (const statement of emptyTableStatements()) this.#published.exec(statement);
    this.#data = openEmpty();
    this.#attach(files);
    defineFunctions(this.#data, () => this.#scope);
    this.#hasMetrics = this.#findMetrics();
    for (const statement of viewStatements(this.#hasMetrics)) this.#data.exec(statement);
    for (const database of [this.#published, this.#data])
      lockDown(database, limits, (action) => this.#isOurs || mayDo(action));
    this.#isOurs = false;
  }

  /** Whether there are tables now that were not there when it was made: then another one is needed. */
  get isOutdated(): boolean {
    return !this.#hasMetrics && this.#findMetrics();
  }

  /** Lets go of the files. */
  [Symbol.dispose](): void {
    this.close();
    this.#data.close();
    this.#published.close();
  }

  /** What a statement would give. @throws Error, as the others do, that `failureOf` understands */
  describe({ sql, parameters }: QueryStatement): StatementShape {
    const parameterCount = checkStatement(sql);
    if (parameterCount !== parameters.length) {
      const counts = `${String(parameterCount)} parameters, got ${String(parameters.length)}`;
      throw new QueryError("INVALID_QUERY", `the statement takes ${counts}`);
    }
    return { columns: columnsOf(this.#published.prepare(sql)), parameterCount };
  }

  /** Begins a statement: all it reads of one file is of one moment. */
  open(statement: QueryStatement): StatementShape {
    const shape = this.describe(statement);
    this.close();
    this.#scope = statement.scope;
    this.#ours("BEGIN", ...ATTACHED.map((name) => `SELECT 1 FROM ${name}.sqlite_schema LIMIT 1`));
    const prepared = this.#data.prepare(statement.sql);
    prepared.setReadBigInts(true);
    prepared.setReturnArrays(true);
    this.#rows = prepared.iterate(namedParameters(statement.parameters)) as unknown as Iterator<
      readonly QueryScalar[],
      undefined
    >;
    return shape;
  }

  /** The next rows. Ends the statement with the last one. */
  read({ maxRows, maxBytes }: QueryReadLimits): QueryBatch {
    const rows: (readonly QueryScalar[])[] = [];
    let bytes = 0;
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      if (rows.length > 0 && (rows.length >= maxRows || bytes + next.bytes > maxBytes)) {
        this.#next = next;
        return { rows, bytes, done: false };
      }
      rows.push(next.row);
      bytes += next.bytes;
    }
    this.close();
    return { rows, bytes, done: true };
  }

  /** Ends the statement that runs, if one does, and lets go of what it reads. */
  close(): void {
    this.#rows?.return?.();
    this.#rows = undefined;
    this.#next = undefined;
    if (this.#data.isTransaction) this.#ours("ROLLBACK");
    this.#scope = NOBODY;
  }

  #attach(files: QueryFiles): void {
    for (const name of ATTACHED) {
      const uri = pathToFileURL(files[fileOf(name)]);
      this.#data.exec(`ATTACH ${quoted(`${uri.href}?mode=ro`)} AS ${name}`);
      this.#shadow(name);
    }
  }

  /** The tables of metrics are made when the first sample comes. */
  #findMetrics(): boolean {
    const wasOurs = this.#isOurs;
    this.#isOurs = true;
    const found = this.#data.prepare("SELECT 1 FROM metrics_db.sqlite_schema WHERE name = 'settled'").get();
    this.#isOurs = wasOurs;
    return found !== undefined;
  }

  /** Makes an empty table for each of a file: a name without its file means that one. */
  #shadow(file: string): void {
    const tables = this.#data
      .prepare(`SELECT name FROM ${file}.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'`)
      .all();
    for (const { name } of tables) this.#data.exec(`CREATE TABLE IF NOT EXISTS main."${String(name)}" (x)`);
  }

  #take(): { readonly row: readonly QueryScalar[]; readonly bytes: number } | undefined {
    const kept = this.#next;
    if (kept !== undefined) {
      this.#next = undefined;
      return kept;
    }
    const next = this.#rows?.next();
    if (next === undefined || next.done === true) return undefined;
    const row = next.value;
    const bytes = row.reduce<number>((sum, each) => sum + VALUE_BYTES + bytesOf(each), 0);
    if (bytes > this.#maxValueBytes) {
      throw new QueryError("QUERY_LIMIT", `a row is larger than ${String(this.#maxValueBytes)} bytes`);
    }
    return { row, bytes };
  }

  #ours(...statements: readonly string[]): void {
    this.#isOurs = true;
    try {
      for (const statement of statements) this.#data.exec(statement);
    } finally {
      this.#isOurs = false;
    }
  }
}

/** Sorts in memory: nothing is ever written. To be set before there is something temporary, which it would delete. */
function openEmpty(): DatabaseSync {
  const database = new DatabaseSync(":memory:", {
    defensive: true,
    allowExtension: false,
    timeout: READER_PATIENCE_MS,
  });
  database.exec("PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON");
  return database;
}

/** From here on the database does nothing but read what is allowed. */
function lockDown(database: DatabaseSync, limits: QueryProcessLimits, may: (action: Action) => boolean): void {
  database.exec("PRAGMA query_only = ON");
  Object.assign(database.limits, {
    attach: 0,
    length: limits.maxValueBytes,
    sqlLength: limits.maxSqlBytes,
    column: 1000,
    exprDepth: 200,
    compoundSelect: 50,
    vdbeOp: 250_000,
    functionArg: 100,
    likePatternLength: 1000,
    variableNumber: 999,
    triggerDepth: 1,
  });
  database.setAuthorizer((...action) => (may(action) ? constants.SQLITE_OK : constants.SQLITE_DENY));
}

/** A name that comes again gets a number, so that each row can be an object. */
function columnsOf(statement: StatementSync): QueryTableColumn[] {
  const taken = new Set<string>();
  return statement.columns().map(({ name, type }) => {
    let unique = name;
    for (let n = 2; taken.has(unique); n++) unique = `${name}:${String(n)}`;
    taken.add(unique);
    return { name: unique, type: typeDeclaredAs(type) };
  });
}

function namedParameters(values: readonly QueryScalar[]): Record<string, SQLInputValue> {
  return Object.fromEntries(values.map((value, index) => [`$${String(index + 1)}`, value]));
}

function bytesOf(value: QueryScalar): number {
  if (typeof value === "string") return value.length;
  return value instanceof Uint8Array ? value.length : 0;
}

function fileOf(name: (typeof ATTACHED)[number]): keyof QueryFiles {
  return name.slice(0, -"_db".length) as keyof QueryFiles;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
