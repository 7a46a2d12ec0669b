import { QueryRequest, type PartialMessage, type QueryResponse, ServiceError } from "@millrace/shared-types";

import { callOf, type TestCall } from "../files/files-fixture.test.support.js";
import type {
  OpenQuery,
  QueryBatch,
  QueryEngine,
  QueryReadLimits,
  QueryScalar,
  QueryStatement,
} from "../ports/query-engine.js";
import type { QueryTableColumn } from "../ports/query-tables.js";
import { type Latch, latch } from "../testing/latch.js";
import { ManualClock } from "../testing/manual-clock.js";

import { interactiveQuery } from "./interactive-query.js";
import { openQueries } from "./open-queries.js";
import type { QueryDeps, QueryLimits } from "./query-deps.js";

/**
 * An engine whose statements are `rows N` (the numbers from 1 on), `wait` (a row that comes when the test lets it),
 * `fail REASON`, `break`, or `columns` (one of each type).
 */
export class FakeEngine implements QueryEngine {
  readonly tables: QueryEngine["tables"] = [
    { name: "items", description: "Things.", columns: [{ name: "key", type: "string" }] },
  ];
  /** Statements that were opened, and not closed yet. */
  readonly opened: Set<string> = new Set();
  readonly statements: QueryStatement[] = [];
  /** Reads in all. */
  reads = 0;
  prewarmed = 0;
  /** Lets what waits go on. */
  readonly release: Latch = latch();
  /** Opens when something waits. */
  readonly waiting: Latch = latch();

  prewarm(): void {
    this.prewarmed++;
  }

  async open(statement: QueryStatement, signal: AbortSignal): Promise<OpenQuery> {
    signal.throwIfAborted();
    const { sql } = statement;
    this.statements.push(statement);
    const [verb = "", argument = ""] = sql.split(" ");
    if (verb === "fail") throw new ServiceError(argument as never, "as it was told");
    if (verb === "break") throw new Error("secret cause");
    this.opened.add(sql);
    return new FakeQuery(this, sql, signal);
  }

  async describe(
    statement: QueryStatement,
    signal: AbortSignal,
  ): Promise<Pick<OpenQuery, "columns" | "parameterCount">> {
    await using query = await this.open(statement, signal);
    const { columns, parameterCount } = query;
    return { columns, parameterCount };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const TYPED_COLUMNS: readonly QueryTableColumn[] = [
  { name: "b", type: "bool" },
  { name: "i", type: "int" },
  { name: "d", type: "double" },
  { name: "s", type: "string" },
  { name: "x", type: "bytes" },
  { name: "t", type: "timestamp" },
  { name: "j", type: "json" },
  { name: "n", type: "any" },
];

const TYPED_ROW: readonly QueryScalar[] = [
  1n,
  2n ** 63n - 1n,
  Infinity,
  'say "hi"',
  Uint8Array.of(1, 255),
  "2026-11-20T12:30:00.123Z",
  '{"a": 12345678901234567890}',
  null,
];

class FakeQuery implements OpenQuery {
  readonly columns: readonly QueryTableColumn[];
  readonly parameterCount = 0;
  readonly #engine: FakeEngine;
  readonly #sql: string;
  readonly #verb: string;
  readonly #count: number;
  readonly #signal: AbortSignal;
  #next = 1;

  constructor(engine: FakeEngine, sql: string, signal: AbortSignal) {
    const [verb = "", count = ""] = sql.split(" ");
    this.#engine = engine;
    this.#sql = sql;
    this.#verb = verb;
    this.#count = verb === "wait" ? 1 : Number(count);
    this.#signal = signal;
    this.columns = verb === "columns" ? TYPED_COLUMNS : [{ name: "n", type: "int" }];
  }

  async read({ maxRows }: QueryReadLimits): Promise<QueryBatch> {
    this.#signal.throwIfAborted();
    this.#engine.reads++;
    if (this.#verb === "columns") return { rows: [TYPED_ROW], bytes: 100, done: true };
    if (this.#verb === "wait") await this.#untilReleased();
    const end = Math.min(this.#count, this.#next + maxRows - 1);
    const rows: [bigint][] = [];
    while (this.#next <= end) rows.push([BigInt(this.#next++)]);
    return { rows, bytes: 10 * rows.length, done: this.#next > this.#count };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#engine.opened.delete(this.#sql);
  }

  #untilReleased(): Promise<void> {
    this.#engine.waiting.open();
    return new Promise((resolve, reject) => {
      this.#signal.addEventListener("abort", () => reject(this.#signal.reason as Error), { once: true });
      void this.#engine.release.promise.then(resolve);
    });
  }
}

/** The query domain over a fake engine, with a clock that the test moves. */
export interface QueriesFixture {
  readonly deps: QueryDeps;
  readonly engine: FakeEngine;
  readonly clock: ManualClock;
}

export function openQueriesFixture(limits: Partial<QueryLimits> = {}): QueriesFixture {
  const clock = new ManualClock(Date.UTC(2026, 0, 1));
  const engine = new FakeEngine();
  const deps = openQueries({ openQueryEngine: () => engine, allowAnonymous: false, clock, limits });
  return { deps, engine, clock };
}

/** A client that speaks with InteractiveQuery, message by message. */
export interface TestSession {
  readonly call: TestCall;
  say(request: PartialMessage<QueryRequest>): void;
  /** Half-close. */
  end(): void;
  /** The next message; `undefined` after the last. */
  next(): Promise<QueryResponse | undefined>;
  /** The messages to the next that completes an answer, in short. */
  answer(): Promise<readonly string[]>;
  /** All that comes until the stream ends, in short. */
  rest(): Promise<readonly string[]>;
}

export function openTestSession(deps: QueryDeps, call: TestCall = callOf("ann")): TestSession {
  const requests: QueryRequest[] = [];
  let wake = (): void => {};
  let ended = false;
  const source = async function* (): AsyncGenerator<QueryRequest> {
    for (;;) {
      const request = requests.shift();
      if (request !== undefined) yield request;
      else if (ended) return;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  const responses = interactiveQuery(source(), call.context, deps);
  const next = async (): Promise<QueryResponse | undefined> => (await responses.next()).value ?? undefined;
  const until = async (isLast: (response: QueryResponse) => boolean): Promise<readonly string[]> => {
    const seen: string[] = [];
    for (let response = await next(); response !== undefined; response = await next()) {
      seen.push(short(response));
      if (isLast(response)) break;
    }
    return seen;
  };
  return {
    call,
    say(request) {
      requests.push(QueryRequest.fromPartial(request));
      wake();
    },
    end() {
      ended = true;
      wake();
    },
    next,
    answer: () => until(({ complete }) => complete),
    rest: () => until(() => false),
  };
}

/** What a message says, on one line: tag, then what is set. */
function short({
  queryId,
  data,
  error,
  status,
  complete,
  schema,
  rows,
  jsonRows,
  stats,
  suspended,
  progress,
}: QueryResponse): string {
  const values = rows?.rows.map((row) => row.values.map(({ kind }) => kind?.value as string).join(",")).join(" ");
  const parts = [
    data,
    error && `error ${String(status?.code)}: ${error}`,
    schema && `schema ${schema.columns.map(({ name }) => name).join()}`,
    values && `rows ${values}`,
    jsonRows.length > 0 && `json ${Buffer.from(jsonRows).toString().trimEnd()}`,
    progress && `progress ${String(progress.rowsSent)}`,
    suspended && "suspended",
    stats && `${String(stats.rowCount)} rows${stats.rowLimitReached ? ", and more" : ""}`,
    complete && "complete",
  ];
  return `${queryId === "" ? "" : `[${queryId}] `}${parts.filter(Boolean).join("; ")}`;
}
