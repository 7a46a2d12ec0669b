import { msOfDuration, type QueryResponse, type QueryValue } from "@millrace/shared-types";

import { CancelledError, InternalError, type StreamingError, UnavailableError } from "../errors.js";
import { type Deferred, deferred } from "../rpc/deferred.js";
import { handled } from "../rpc/handled.js";
import { PullIterator } from "../rpc/pull-iterator.js";
import type { ResumeLoop } from "../rpc/resume-loop.js";
import type { Answer } from "./answer.js";
import { toCell, toColumns } from "./query-value.js";
import type { QueryCell, QueryColumn, QueryOptions, QueryResult, QueryStats } from "./types.js";

/** How a result comes about. */
export interface ResultTask {
  /** Asks the server; again after a failure that came before the first row was handed out. */
  readonly open: () => Answer;
  /** Decides about that. The signal aborts when the result is not wanted any more. */
  readonly openLoop: (signal: AbortSignal) => ResumeLoop;
  readonly options: QueryOptions;
  /** Aborts when the session is closed. */
  readonly closing?: AbortSignal;
  /** Names the call in errors that are no status of it. */
  readonly method: string;
}

interface Promised<T> {
  readonly settled: Deferred<() => T>;
  readonly promise: Promise<T>;
}

/** The rows of one query, read from as many answers as it takes. */
export class QueryAnswer<R> implements QueryResult<R> {
  readonly columns: Promise<readonly QueryColumn[]>;
  readonly stats: Promise<QueryStats>;
  readonly #task: ResultTask;
  readonly #columns: Promised<readonly QueryColumn[]> = promised();
  readonly #stats: Promised<QueryStats> = promised();
  readonly #iterator: PullIterator<R>;
  readonly #loop: ResumeLoop;
  readonly #stopped = new AbortController();
  /** The columns, and whatever came with them. */
  readonly #begun: Promise<void>;
  #answer: Answer;
  #names: readonly string[] = [];
  /** Rows of the message that is being read. */
  #rows: readonly { readonly values: readonly QueryValue[] }[] = [];
  #row = 0;
  #handedOut = false;
  #isTaken = false;
  #isOver = false;
  /** Why it was stopped by a signal. */
  #failure: StreamingError | undefined;

  constructor(task: ResultTask) {
    this.#task = task;
    this.columns = this.#columns.promise;
    this.stats = this.#stats.promise;
    this.#loop = task.openLoop(this.#stopped.signal);
    this.#iterator = new PullIterator(
      () => this.#pull(),
      () => this.#leave(),
    );
    this.#answer = task.open();
    for (const signal of this.#signals()) {
      signal.addEventListener("abort", this.#onAbort, { once: true });
      if (signal.aborted) this.#onAbort();
    }
    this.#begun = handled(this.#untilColumns());
  }

  [Symbol.asyncIterator](): AsyncIterator<R, undefined, undefined> {
    if (this.#isTaken) throw new TypeError("a result can be read once");
    this.#isTaken = true;
    return this.#iterator;
  }

  // The rows are what is awaited.
  then<A = readonly R[], B = never>(
    onRows?: ((rows: readonly R[]) => A | PromiseLike<A>) | null,
    onFailure?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#collect().then(onRows, onFailure);
  }

  cancel(): void {
    this.#iterator.stop();
  }

  async #collect(): Promise<readonly R[]> {
    const rows: R[] = [];
    for await (const row of this) rows.push(row);
    return rows;
  }

  async #pull(): Promise<R | undefined> {
    await this.#begun;
    while (this.#row >= this.#rows.length) {
      if (this.#isOver || !(await this.#advance())) return undefined;
    }
    if (this.#failure !== undefined) throw this.#failed(this.#failure);
    const row = this.#toRow(this.#rows[this.#row++]?.values ?? []);
    this.#handedOut = true;
    return row;
  }

  #toRow(values: readonly QueryValue[]): R {
    try {
      const cells = values.map((value, index): [string, QueryCell] => [this.#names[index] ?? "", toCell(value)]);
      return Object.fromEntries(cells) as R;
    } catch (cause) {
      this.#stop();
      throw this.#failed(new InternalError("the server sent a malformed row", { method: this.#task.method, cause }));
    }
  }

  async #untilColumns(): Promise<void> {
    while (this.#names.length === 0 && (await this.#advance()));
  }

  /** Takes the next message; false after the last. @throws {StreamingError} what the query failed with */
  async #advance(): Promise<boolean> {
    for (;;) {
      try {
        const response = await this.#answer.receive();
        if (this.#isOver) return false;
        if (response === undefined) throw this.#failure ?? this.#cutOff();
        return this.#take(response);
      } catch (error) {
        await this.#reopenAfter(error);
      }
    }
  }

  #take({ schema, rows, progress, stats, complete }: QueryResponse): boolean {
    if (schema !== undefined) {
      const columns = toColumns(schema.columns);
      this.#names = columns.map(({ name }) => name);
      this.#columns.settled.resolve(() => columns);
    }
    if (progress !== undefined) {
      const { rowsSent, elapsed } = progress;
      this.#task.options.onProgress?.({ rowsSent, elapsedMs: msOf(elapsed) });
    }
    [this.#rows, this.#row] = [rows?.rows ?? [], 0];
    if (!complete) return true;
    const { rowCount = 0, byteCount = 0, rowLimitReached = false, elapsed } = stats ?? {};
    this.#stats.settled.resolve(() => ({ rowCount, byteCount, rowLimitReached, elapsedMs: msOf(elapsed) }));
    this.#end();
    return rows !== undefined;
  }

  async #reopenAfter(failure: unknown): Promise<void> {
    try {
      if (this.#handedOut) throw failure;
      await this.#loop.waitAfter(failure);
      if (this.#isOver) return;
      [this.#names, this.#rows, this.#row] = [[], [], 0];
      this.#answer = this.#task.open();
    } catch (error) {
      this.#stop();
      throw this.#failed(this.#failure ?? error);
    }
  }

  readonly #onAbort = (): void => {
    const { options, closing, method } = this.#task;
    const isClosing = closing?.aborted === true;
    const message = isClosing ? "the session was closed" : "cancelled by the caller";
    const cause: unknown = isClosing ? closing.reason : options.signal?.reason;
    this.#failure ??= new CancelledError(message, { method, cause });
    this.#stop();
  };

  #leave(): void {
    if (this.#isOver) return;
    this.#failed(new CancelledError("the result was not read to its end", { method: this.#task.method }));
    this.#stop();
  }

  #stop(): void {
    this.#stopped.abort();
    this.#answer.cancel();
  }

  #failed(error: unknown): unknown {
    const rethrow = (): never => {
      throw error;
    };
    this.#columns.settled.resolve(rethrow);
    this.#stats.settled.resolve(rethrow);
    this.#end();
    return error;
  }

  #end(): void {
    this.#isOver = true;
    for (const signal of this.#signals()) signal.removeEventListener("abort", this.#onAbort);
  }

  #signals(): readonly AbortSignal[] {
    return [this.#task.options.signal, this.#task.closing].filter((signal) => signal !== undefined);
  }

  #cutOff(): UnavailableError {
    const message = "the server ended the stream before the answer";
    return new UnavailableError(message, { method: this.#task.method, origin: "server", retryable: true });
  }
}

function promised<T>(): Promised<T> {
  const settled = deferred<() => T>();
  return { settled, promise: handled(settled.promise.then((result) => result())) };
}

function msOf(duration: Parameters<typeof msOfDuration>[0] | undefined): number {
  return duration === undefined ? 0 : msOfDuration(duration);
}
