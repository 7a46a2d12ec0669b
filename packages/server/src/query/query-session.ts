import {
  decodeMessage,
  encodeStatusDetails,
  invalidField,
  type QueryCredit,
  type QueryRequest,
  type QueryResponse,
  ServiceError,
  Status,
} from "@millrace/shared-types";

import type { QueryEngine } from "../ports/query-engine.js";
import type { CallContext } from "../rpc/call-context.js";
import { toCallerError } from "../rpc/to-status.js";

import { Credit } from "./credit.js";
import { FanIn } from "./fan-in.js";
import type { QueryDeps } from "./query-deps.js";
import { queryPlan } from "./query-plan.js";
import { responseWith } from "./row-format.js";
import { runQuery } from "./run-query.js";
import type { RunningQuery } from "./running-queries.js";

/** Queries without a tag that may wait for those before them, 64 KiB each at most: with more, no further message is read. */
const MAX_WAITING = 16;

interface ActiveQuery {
  readonly running: RunningQuery;
  readonly credit: Credit;
}

/** The queries of one stream. Those without a tag run one after the other, the others at the same time. */
export class QuerySession {
  readonly #context: CallContext;
  readonly #deps: QueryDeps;
  readonly #engine: QueryEngine;
  readonly #answers: FanIn<QueryResponse>;
  /** By tag; the one without a tag under "". */
  readonly #active = new Map<string, ActiveQuery | undefined>();
  readonly #waiting: QueryRequest[] = [];
  #onRoom: () => void = () => {};

  constructor(context: CallContext, engine: QueryEngine, deps: QueryDeps) {
    this.#context = context;
    this.#deps = deps;
    this.#engine = engine;
    this.#answers = new FanIn(context.signal);
  }

  /** Takes requests until there are no more; then the queries that run are finished. */
  async listen(requests: AsyncIterable<QueryRequest>): Promise<void> {
    try {
      for await (const request of requests) {
        this.#take(request);
        await this.#untilRoom();
      }
      this.#answers.complete(); // what waits is begun before what it waits for has ended
    } catch (error) {
      this.#answers.fail(error);
    }
  }

  /** All that is answered. */
  answers(): AsyncGenerator<QueryResponse, void, undefined> {
    return this.#answers.items();
  }

  #take(request: QueryRequest): void {
    const { query, cancel, credit, queryId } = request;
    const isQuery = Number(query !== "" || (cancel === undefined && credit === undefined));
    if (isQuery + Number(cancel !== undefined) + Number(credit !== undefined) !== 1) {
      const error = invalidField("query", "must be set, or cancel, or credit: one of them");
      return this.#answers.add(refusal(error, queryId, this.#context));
    }
    if (cancel !== undefined) return this.#active.get(cancel.queryId)?.running.cancel();
    if (credit !== undefined) return this.#addCredit(credit, queryId);
    if (queryId !== "") return this.#startTagged(request);
    this.#waiting.push(request);
    this.#startNext();
  }

  #addCredit({ queryId, rows, bytes }: QueryCredit, tag: string): void {
    if (rows < 0 || bytes < 0) {
      const error = invalidField("credit", "must not be negative");
      return this.#answers.add(refusal(error, tag, this.#context));
    }
    this.#active.get(queryId)?.credit.add(rows, bytes);
  }

  #startTagged(request: QueryRequest): void {
    const { queryId } = request;
    const error = this.#refuse(queryId);
    if (error !== undefined) return this.#answers.add(refusal(error, queryId, this.#context));
    this.#active.set(queryId, undefined);
    this.#answers.add(this.#run(request));
  }

  #refuse(queryId: string): ServiceError | undefined {
    const { maxConcurrentQueries } = this.#deps.limits;
    if (this.#active.has(queryId)) {
      const metadata = { resource_type: "query", resource_name: queryId };
      return new ServiceError("RESOURCE_EXISTS", `query ${JSON.stringify(queryId)} runs already`, { metadata });
    }
    if (this.#active.size < maxConcurrentQueries) return undefined;
    const message = `only ${String(maxConcurrentQueries)} queries run at the same time on a stream`;
    return new ServiceError("RATE_LIMITED", message, {
      metadata: { quota: "max_concurrent_queries" },
      retryAfterMs: 1000,
    });
  }

  /** The next one without a tag, unless another one runs. */
  #startNext(): void {
    if (this.#active.has("")) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#active.set("", undefined);
    this.#answers.add(this.#run(next));
  }

  /** A failure of the query is part of the answer; that of the call is not. */
  async *#run(request: QueryRequest): AsyncGenerator<QueryResponse, void, undefined> {
    const { queryId } = request;
    try {
      for await (const response of this.#responsesTo(request)) yield { ...response, queryId };
    } catch (error) {
      if (this.#context.signal.aborted) throw error;
      yield failed(error, queryId, this.#context);
    } finally {
      this.#active.delete(queryId);
      if (queryId === "") this.#startNext();
      this.#onRoom();
    }
  }

  async *#responsesTo(request: QueryRequest): AsyncGenerator<QueryResponse, void, undefined> {
    const { clock, running: all } = this.#deps;
    const plan = queryPlan(request, this.#context, this.#deps);
    const { queryId, statement, timeoutMs } = plan;
    const facts = { queryId, sql: statement.sql, callerId: statement.scope.callerId, timeoutMs };
    using running = all.begin(facts, this.#context.signal);
    const credit = new Credit(plan.creditRows, plan.creditBytes);
    this.#active.set(queryId, { running, credit });
    yield* runQuery({ plan, running, credit, engine: this.#engine, clock });
  }

  async #untilRoom(): Promise<void> {
    const { signal } = this.#context;
    while (this.#waiting.length >= MAX_WAITING && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const onAbort = (): void => resolve();
      this.#onRoom = resolve;
      signal.addEventListener("abort", onAbort, { once: true });
      await promise;
      signal.removeEventListener("abort", onAbort);
    }
  }
}

async function* refusal(
  refused: ServiceError,
  queryId: string,
  context: CallContext,
): AsyncGenerator<QueryResponse, void, undefined> {
  const answer = await Promise.resolve(failed(refused, queryId, context));
  yield answer;
}

/** One message: who reads until there is an error, as who reads until the answer is complete, has read it all. */
function failed(cause: unknown, queryId: string, { requestId, log }: CallContext): QueryResponse {
  const error = toCallerError(cause, requestId);
  if (!(cause instanceof ServiceError)) log.error({ err: cause }, "a query failed");
  const known = error instanceof ServiceError ? error : new ServiceError("INTERNAL", error.message);
  const status = decodeMessage(Status, encodeStatusDetails(known));
  return responseWith({ error: error.message.toWellFormed(), status, complete: true, queryId });
}
