import { ServiceError } from "@millrace/shared-types";

import type { Clock } from "../ports/clock.js";
import { newId } from "../records/new-id.js";

/** What is known of a query before it begins. */
export interface QueryFacts {
  readonly queryId: string;
  readonly sql: string;
  readonly callerId: string;
  readonly timeoutMs: number;
}

/** A query from its beginning to its end. Disposing of it ends it. */
export class RunningQuery implements Disposable {
  /** Names it on this server. */
  readonly runningId: string = newId();
  readonly facts: QueryFacts;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  rowsSent = 0;
  readonly #clock: Clock;
  readonly #startedMs: number;
  readonly #abort = new AbortController();
  readonly #call: AbortSignal;
  readonly #stopTimer: () => void;
  readonly #onDispose: () => void;
  readonly #onCallEnd = (): void => this.#abort.abort(this.#call.reason);

  constructor(facts: QueryFacts, call: AbortSignal, clock: Clock, onDispose: () => void) {
    this.facts = facts;
    this.startedAt = clock.now();
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
    this.#call = call;
    this.#onDispose = onDispose;
    this.#stopTimer = clock.after(facts.timeoutMs, () => this.#abort.abort(timedOut(facts.timeoutMs)));
    call.addEventListener("abort", this.#onCallEnd, { once: true });
    if (call.aborted) this.#onCallEnd();
  }

  /** Aborts when it has to stop: it was cancelled, its time is over, its call has ended. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get elapsedMs(): number {
    return this.#clock.monotonicMs() - this.#startedMs;
  }

  cancel(): void {
    this.#abort.abort(new ServiceError("QUERY_CANCELLED", "the query was cancelled"));
  }

  [Symbol.dispose](): void {
    this.#stopTimer();
    this.#call.removeEventListener("abort", this.#onCallEnd);
    this.#onDispose();
  }
}

/** All queries that run on this server. */
export class RunningQueries {
  readonly #clock: Clock;
  readonly #byId = new Map<string, RunningQuery>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Begins a query, which ends with its call at the latest. */
  begin(facts: QueryFacts, call: AbortSignal): RunningQuery {
    const query = new RunningQuery(facts, call, this.#clock, () => this.#byId.delete(query.runningId));
    this.#byId.set(query.runningId, query);
    return query;
  }

  /** Those of a caller, oldest first. */
  ofCaller(callerId: string): readonly RunningQuery[] {
    return [...this.#byId.values()].filter(({ facts }) => facts.callerId === callerId);
  }
}

function timedOut(timeoutMs: number): ServiceError {
  const message = `the query was not done within ${String(timeoutMs)} ms`;
  return new ServiceError("QUERY_TIMEOUT", message, { metadata: { timeout_ms: timeoutMs } });
}
