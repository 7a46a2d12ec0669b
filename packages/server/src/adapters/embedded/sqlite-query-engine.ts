import { join } from "node:path";

import type { OpenQuery, QueryBatch, QueryEngine, QueryReadLimits, QueryStatement } from "../../ports/query-engine.js";
import { QUERY_TABLES, type QueryTableColumn, type QueryTableInfo } from "../../ports/query-tables.js";

import { QueryLauncher } from "./sqlite-query-launcher.js";
import { type LentProcess, QueryPool } from "./sqlite-query-pool.js";
import type { QueryProcessLimits } from "./sqlite-query-protocol.js";

const MIB = 1024 * 1024;

/** What a query may use unless it is configured otherwise. */
const LIMITS: QueryProcessLimits = {
  maxSqlBytes: 64 * 1024,
  maxValueBytes: 3 * MIB,
  maxResidentBytes: 320 * MIB,
};

export interface SqliteQueryEngineOptions extends Partial<QueryProcessLimits> {
  /** Processes at the same time. Default 8. */
  readonly maxProcesses?: number;
}

/** Runs queries over the data directory of an embedded server, in processes of their own. */
export class SqliteQueryEngine implements QueryEngine {
  readonly tables: readonly QueryTableInfo[] = Object.entries(QUERY_TABLES).map(([name, rest]) => ({ name, ...rest }));
  readonly #launcher: QueryLauncher;
  readonly #pool: QueryPool;

  /** @param path the data directory, whose stores are open and stay so as long as this */
  constructor(path: string, { maxProcesses = 8, ...limits }: SqliteQueryEngineOptions = {}) {
    const fileOf = (name: string): string => join(path, `${name}.db`);
    const files = {
      records: fileOf("records"),
      events: fileOf("events"),
      items: fileOf("items"),
      metrics: fileOf("metrics"),
    };
    this.#launcher = new QueryLauncher({ files, limits: { ...LIMITS, ...limits } });
    this.#pool = new QueryPool({ maxProcesses, start: () => this.#launcher.start() });
  }

  /** Processes that are there or being started. */
  get processes(): number {
    return this.#pool.size;
  }

  prewarm(): void {
    this.#pool.prewarm();
  }

  async open(statement: QueryStatement, signal: AbortSignal): Promise<ProcessQuery> {
    const lent = await this.#pool.acquire(statement.scope.callerId, signal);
    const query = new ProcessQuery(lent, signal);
    try {
      await query.open(statement);
      return query;
    } catch (error) {
      await query[Symbol.asyncDispose]();
      throw error;
    }
  }

  async describe(
    statement: QueryStatement,
    signal: AbortSignal,
  ): Promise<Pick<OpenQuery, "columns" | "parameterCount">> {
    const lent = await this.#pool.acquire(statement.scope.callerId, signal);
    await using query = new ProcessQuery(lent, signal);
    await query.open(statement, true);
    const { columns, parameterCount } = query;
    return { columns, parameterCount };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]();
    await this.#launcher[Symbol.asyncDispose]();
  }
}

/** A statement in a process that is lent for it. */
class ProcessQuery implements OpenQuery {
  columns: readonly QueryTableColumn[] = [];
  parameterCount = 0;
  readonly #lent: LentProcess;
  readonly #signal: AbortSignal;
  readonly #onAbort: () => void;
  /** Whether the process still holds the statement. */
  #isOpen = false;
  #disposed: Promise<void> | undefined;

  constructor(lent: LentProcess, signal: AbortSignal) {
    this.#lent = lent;
    this.#signal = signal;
    this.#onAbort = () => {
      // Between two reads it can be let go of in peace.
      if (lent.process.isBusy) lent.process.kill(signal.reason as Error);
    };
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Of the process in which it runs. */
  get pid(): number {
    return this.#lent.process.pid;
  }

  async open(statement: QueryStatement, describeOnly = false): Promise<void> {
    this.#signal.throwIfAborted();
    const request = { kind: "open", statement, describeOnly } as const;
    const { columns, parameterCount } = await this.#lent.process.ask(request, "opened");
    this.columns = columns;
    this.parameterCount = parameterCount;
    this.#isOpen = !describeOnly;
  }

  async read(limits: QueryReadLimits): Promise<QueryBatch> {
    this.#signal.throwIfAborted();
    const { rows, bytes, done } = await this.#lent.process.ask({ kind: "read", limits }, "rows");
    if (done) this.#isOpen = false;
    return { rows, bytes, done };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    this.#signal.removeEventListener("abort", this.#onAbort);
    const { process } = this.#lent;
    if (process.isBusy) process.kill();
    else if (this.#isOpen) await process.ask({ kind: "close" }, "ready").catch(() => process.kill());
    this.#lent.release();
  }
}
