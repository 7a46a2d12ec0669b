import type { Worker } from "node:worker_threads";

import { firstMessage, startWorker } from "./worker-thread.js";

/** Requests that a thread has before it at a time; others wait here. Bounds what answers can take in memory. */
const MAX_IN_FLIGHT = 16;

/** A request on its way. */
export interface Numbered<Request> {
  readonly id: number;
  readonly request: Request;
}

export interface Answer<Failure> {
  readonly id: number;
  readonly result?: unknown;
  readonly failure?: Failure;
}

/** How a thread is started, and what its failures mean. */
export interface SqliteThreadOptions<Failure> {
  /** The worker beside this module, without its extension. */
  readonly worker: string;
  readonly workerData: unknown;
  /** What callers are told about a failure … */
  readonly errorOf: (failure: Failure) => Error;
  /** … and about the end of the thread. */
  readonly unavailable: (cause: unknown) => Error;
  /** Told once that the thread has ended, or says that it can do nothing any more; not if it was closed. */
  readonly onLost?: LossListener | undefined;
}

/** Told by a store once that nothing can be written to it until it is opened anew; `error` says why in its cause. */
export type LossListener = (error: Error) => void;

/** What a thread that can do nothing any more says. */
const LOST_KIND = "unavailable";

interface Question<Request> {
  readonly request: Request;
  readonly transfer: readonly ArrayBuffer[];
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A worker with a database that answers requests, in order. One that is idle does not keep the process alive. */
export class SqliteThread<Request, Results, Failure extends { readonly kind: string }> {
  readonly #worker: Worker;
  readonly #options: SqliteThreadOptions<Failure>;
  readonly #waiting: Question<Request>[] = [];
  readonly #inFlight = new Map<number, Question<Request>>();
  #nextId = 1;
  #end: Error | undefined;
  #isClosing = false;
  #isLost = false;

  private constructor(worker: Worker, options: SqliteThreadOptions<Failure>) {
    this.#worker = worker;
    this.#options = options;
    worker.on("message", (answer: Answer<Failure>) => this.#settle(answer));
    worker.on("error", (error: Error) => this.#failAll(error));
    worker.on("exit", () => this.#failAll(new Error("a thread of the store ended")));
    worker.unref();
  }

  /**
   * Starts a worker; `ready` is the first thing that it says.
   *
   * @throws Error that the worker ended with before that
   */
  static async start<Request, Results, Failure extends { readonly kind: string }>(
    options: SqliteThreadOptions<Failure>,
  ): Promise<{ readonly thread: SqliteThread<Request, Results, Failure>; readonly ready: unknown }> {
    const { worker: name, workerData } = options;
    const worker = startWorker(name, workerData);
    const ready = await firstMessage(worker);
    return { thread: new SqliteThread<Request, Results, Failure>(worker, options), ready };
  }

  /** Whether the worker is gone. */
  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Asks the worker, in order. `transfer` is what it gets instead of a copy. */
  ask<Kind extends keyof Results>(
    request: Extract<Request, { readonly kind: Kind }>,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<Results[Kind]> {
    return new Promise((resolve, reject) => {
      this.#add({ request, transfer, resolve: (result) => resolve(result as Results[Kind]), reject });
    });
  }

  /** Lets the worker finish what it was asked, and ends it. */
  async close(request: Request): Promise<void> {
    this.#isClosing = true;
    const closing = new Promise((resolve, reject) => this.#add({ request, transfer: [], resolve, reject }));
    await closing.catch(() => {}); // it crashed: nothing is left to close
    await this.#worker.terminate();
  }

  #add(question: Question<Request>): void {
    if (this.#end !== undefined) return question.reject(this.#options.unavailable(this.#end));
    this.#waiting.push(question);
    this.#post();
  }

  #post(): void {
    while (this.#inFlight.size < MAX_IN_FLIGHT) {
      const question = this.#waiting.shift();
      if (question === undefined) return;
      const id = this.#nextId;
      this.#nextId += 1;
      if (this.#inFlight.size === 0) this.#worker.ref();
      this.#inFlight.set(id, question);
      this.#worker.postMessage({ id, request: question.request } satisfies Numbered<Request>, question.transfer);
    }
  }

  #settle({ id, result, failure }: Answer<Failure>): void {
    const question = this.#inFlight.get(id);
    if (question === undefined) return;
    this.#inFlight.delete(id);
    this.#post();
    if (this.#inFlight.size === 0) this.#worker.unref();
    if (failure === undefined) return question.resolve(result);
    const error = this.#options.errorOf(failure);
    question.reject(error);
    if (failure.kind === LOST_KIND) this.#tellLost(error);
  }

  #tellLost(error: Error): void {
    if (this.#isLost || this.#isClosing) return;
    this.#isLost = true;
    this.#options.onLost?.(error);
  }

  #failAll(error: Error): void {
    this.#end ??= error;
    this.#tellLost(this.#options.unavailable(error));
    for (const { reject } of [...this.#inFlight.values(), ...this.#waiting.splice(0)])
      reject(this.#options.unavailable(this.#end));
    this.#inFlight.clear();
  }
}
