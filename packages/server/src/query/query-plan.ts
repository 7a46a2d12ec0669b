import { invalidField, QueryFormat, QueryOptions, type QueryRequest, ServiceError } from "@millrace/shared-types";

import { checkBytes } from "../events/check-limit.js";
import { durationMsOf } from "../events/watch-plan.js";
import type { QueryStatement } from "../ports/query-engine.js";
import type { CallContext } from "../rpc/call-context.js";

import type { QueryDeps } from "./query-deps.js";
import { toScalar } from "./query-value.js";

const MAX_QUERY_ID_BYTES = 255;
const DEFAULT_BATCH_ROWS = 256;
const MAX_BATCH_ROWS = 10_000;
const MIN_PROGRESS_MS = 100;

/** What a caller wants to have run, and how. */
export interface QueryPlan {
  readonly queryId: string;
  readonly statement: QueryStatement;
  readonly format: QueryFormat;
  readonly maxRows: number;
  readonly timeoutMs: number;
  readonly batchRows: number;
  /** 0: never. */
  readonly progressMs: number;
  /** What may be sent before there is credit. */
  readonly creditRows: number;
  readonly creditBytes: number;
  readonly describeOnly: boolean;
}

/** Checks a request. @throws ServiceError `INVALID_FIELD` or `LIMIT_EXCEEDED` */
export function queryPlan(
  request: QueryRequest,
  { principal }: CallContext,
  { limits, allowAnonymous, clock }: QueryDeps,
): QueryPlan {
  const { query: sql, queryId, options = QueryOptions.fromPartial({}) } = request;
  if (sql === "") throw invalidField("query", "must be set, if neither cancel nor credit is");
  checkBytes("query", "max_query_bytes", limits.maxQueryBytes, sql);
  checkBytes("query_id", "max_query_id_bytes", MAX_QUERY_ID_BYTES, queryId);
  const parameters = request.parameters.map((value, index) => toScalar(value, `parameters[${String(index)}]`));
  const { id: callerId } = principal;
  const scope = { callerId, mayChat: callerId !== "" || allowAnonymous, nowMs: clock.now() };
  const { format, describeOnly, maxRows, batchRows, initialCreditRows, initialCreditBytes } = options;
  if (!FORMATS.includes(format)) throw invalidField("options.format", `is ${String(format)}, which is none`);
  checkCounts({ maxRows, batchRows, initialCreditRows, initialCreditBytes });
  return {
    queryId,
    statement: { sql, parameters, scope },
    format,
    describeOnly,
    maxRows: Math.min(maxRows || limits.maxQueryRows, limits.maxQueryRows),
    timeoutMs: Math.min(msOf(options, "timeout") || limits.maxQueryMs, limits.maxQueryMs),
    batchRows: Math.min(batchRows || DEFAULT_BATCH_ROWS, MAX_BATCH_ROWS),
    progressMs: progressMsOf(options),
    creditRows: initialCreditRows || Infinity,
    creditBytes: initialCreditBytes || Infinity,
  };
}

const FORMATS: readonly QueryFormat[] = [QueryFormat.UNSPECIFIED, QueryFormat.TYPED, QueryFormat.JSON_ROWS];

/** @throws ServiceError `FEATURE_DISABLED` if this server runs no queries */
export function engineOf({ engine }: QueryDeps): NonNullable<QueryDeps["engine"]> {
  if (engine !== undefined) return engine;
  throw new ServiceError("FEATURE_DISABLED", "this server keeps its data in memory, which cannot be queried");
}

function checkCounts(counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) {
    if (count < 0)
      throw invalidField(
        `options.${name.replaceAll(/[A-Z]/g, (upper) => `_${upper.toLowerCase()}`)}`,
        "must not be negative",
      );
  }
}

function progressMsOf(options: QueryOptions): number {
  const ms = msOf(options, "progressInterval");
  return ms === 0 ? 0 : Math.max(ms, MIN_PROGRESS_MS);
}

function msOf(options: QueryOptions, name: "timeout" | "progressInterval"): number {
  const duration = options[name];
  const field = name === "timeout" ? "options.timeout" : "options.progress_interval";
  return duration === undefined ? 0 : Math.ceil(durationMsOf(duration, field));
}
