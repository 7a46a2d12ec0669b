import { durationOfMs, QueryFormat, type QueryProgress, type QueryResponse } from "@millrace/shared-types";

import type { Clock } from "../ports/clock.js";
import type { OpenQuery, QueryEngine } from "../ports/query-engine.js";

import type { Credit } from "./credit.js";
import type { QueryPlan } from "./query-plan.js";
import { responseWith, rowResponses, toWireColumns } from "./row-format.js";
import type { RunningQuery } from "./running-queries.js";

/** Rows of one message, in bytes, but for one row that is larger. */
const BATCH_BYTES = 256 * 1024;

/** Values of one message: bounds how long making and reading it takes. */
const BATCH_VALUES = 20_000;

/** What a query is run with. */
export interface QueryRun {
  readonly plan: QueryPlan;
  readonly running: RunningQuery;
  readonly credit: Credit;
  readonly engine: QueryEngine;
  readonly clock: Clock;
}

/**
 * Runs a query: columns, rows, totals. The next rows are made when those before are taken, so that one batch is held
 * here, whatever the result. Ends with the reason of the query's signal once that aborts.
 *
 * @throws ServiceError as the engine, `QUERY_CANCELLED`, `QUERY_TIMEOUT`, or what the call ends with
 */
export async function* runQuery(run: QueryRun): AsyncGenerator<QueryResponse, void, undefined> {
  const { plan, running, engine } = run;
  const { statement, describeOnly } = plan;
  if (describeOnly) {
    yield schemaOf(await engine.describe(statement, running.signal));
    return yield responseWith({ complete: true });
  }
  const totals = yield* sendResult(run);
  const elapsed = durationOfMs(running.elapsedMs);
  yield responseWith({ complete: true, stats: isSeed(plan) ? undefined : { ...totals, elapsed } });
}

function isSeed({ format }: QueryPlan): boolean {
  return format === QueryFormat.UNSPECIFIED;
}

interface Totals {
  readonly rowCount: number;
  readonly byteCount: number;
  readonly rowLimitReached: boolean;
}

/** Columns and rows. When it ends the engine is free for others, whether the client has read the end or not. */
async function* sendResult(run: QueryRun): AsyncGenerator<QueryResponse, Totals, undefined> {
  const { plan, running, engine } = run;
  await using query = yield* withProgress(engine.open(plan.statement, running.signal), run);
  if (!isSeed(plan)) yield schemaOf(query);
  return yield* sendRows(query, run);
}

async function* sendRows(query: OpenQuery, run: QueryRun): AsyncGenerator<QueryResponse, Totals, undefined> {
  const { plan, running, credit } = run;
  const batchRows = Math.max(1, Math.min(plan.batchRows, Math.floor(BATCH_VALUES / Math.max(1, query.columns.length))));
  let byteCount = 0;
  for (;;) {
    if (credit.rows === 0) {
      yield responseWith({ suspended: true });
      yield* withProgress(credit.untilMore(running.signal), run);
    }
    const maxRows = Math.min(batchRows, credit.rows, plan.maxRows - running.rowsSent);
    const batch = yield* withProgress(query.read({ maxRows, maxBytes: BATCH_BYTES }), run);
    for (const response of rowResponses(batch, query.columns, plan.format)) {
      running.signal.throwIfAborted();
      yield response;
    }
    running.rowsSent += batch.rows.length;
    byteCount += batch.bytes;
    credit.spend(batch.rows.length, batch.bytes);
    running.signal.throwIfAborted();
    const rowLimitReached = !batch.done && running.rowsSent >= plan.maxRows;
    if (batch.done || rowLimitReached) return { rowCount: running.rowsSent, byteCount, rowLimitReached };
  }
}

function schemaOf({ columns, parameterCount }: Pick<OpenQuery, "columns" | "parameterCount">): QueryResponse {
  return responseWith({ schema: { columns: toWireColumns(columns), parameterCount } });
}

/** Gives what `work` does; says how far the query is while that takes time. */
async function* withProgress<T>(
  work: Promise<T>,
  { plan, running, clock }: QueryRun,
): AsyncGenerator<QueryResponse, T, undefined> {
  if (plan.progressMs === 0) return await work;
  work.catch(() => {}); // it is awaited below, perhaps later
  for (;;) {
    const tick = Promise.withResolvers<"tick">();
    const stop = clock.after(plan.progressMs, () => tick.resolve("tick"));
    const first = await Promise.race([work.then(() => "done" as const), tick.promise]).finally(stop);
    if (first === "done") return await work;
    yield responseWith({ progress: progressOf(running) });
  }
}

/** How far a query is. */
export function progressOf({ rowsSent, elapsedMs }: RunningQuery): QueryProgress {
  return { rowsSent, elapsed: durationOfMs(elapsedMs) };
}
