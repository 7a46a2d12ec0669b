import type { QueryProcess } from "./sqlite-query-process.js";

/** How long a process waits for a next query, in milliseconds. */
const IDLE_MS = 60_000;

/** Queries that one process runs before another one takes its place. */
const MAX_USES = 200;

/** A process that nobody uses now. */
interface IdleProcess {
  readonly process: QueryProcess;
  /** Whose queries it has run; `undefined`: nobody's yet. */
  readonly callerId: string | undefined;
  readonly uses: number;
  readonly since: number;
}

interface Waiter {
  readonly callerId: string;
  readonly resolve: (taken: IdleProcess) => void;
  readonly reject: (error: unknown) => void;
}

/** A process that is in use. */
export interface LentProcess {
  readonly process: QueryProcess;
  /** Gives it back; one that has ended is replaced when another is needed. */
  release(): void;
}

export interface QueryPoolOptions {
  readonly start: () => Promise<QueryProcess>;
  /** At the same time; who needs more waits. */
  readonly maxProcesses: number;
}

/** Processes that run queries. One that has run a query of one caller never runs one of another. */
export class QueryPool implements AsyncDisposable {
  readonly #options: QueryPoolOptions;
  readonly #all = new Set<QueryProcess>();
  readonly #idle: IdleProcess[] = [];
  readonly #waiting: Waiter[] = [];
  readonly #starting = new Set<Promise<void>>();
  #sweep: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: QueryPoolOptions) {
    this.#options = options;
  }

  /** Processes that are there or being started. */
  get size(): number {
    return this.#all.size + this.#starting.size;
  }

  /** Has a process ready for whoever comes next, if there is room for one. */
  prewarm(): void {
    const isWarm = this.#starting.size > 0 || this.#idle.some(({ callerId }) => callerId === undefined);
    if (!this.#isClosed && !isWarm && this.size < this.#options.maxProcesses) this.#startOne();
  }

  /**
   * A process for a query of this caller, as soon as there is one.
   *
   * @throws the signal's reason once it aborts
   */
  async acquire(callerId: string, signal: AbortSignal): Promise<LentProcess> {
    signal.throwIfAborted();
    const { process, uses } = await this.#wait(callerId, signal);
    return { process, release: () => this.#release(process, callerId, uses + 1) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#sweep);
    for (const { reject } of this.#waiting.splice(0)) reject(new Error("the server is closing"));
    await Promise.all(this.#starting);
    const processes = [...this.#all];
    for (const process of processes) process.kill();
    await Promise.all(processes.map(({ gone }) => gone));
  }

  #wait(callerId: string, signal: AbortSignal): Promise<IdleProcess> {
    const { promise, resolve, reject } = Promise.withResolvers<IdleProcess>();
    const waiter = { callerId, resolve, reject };
    const onAbort = (): void => {
      const index = this.#waiting.indexOf(waiter);
      if (index >= 0) this.#waiting.splice(index, 1);
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    this.#waiting.push(waiter);
    this.#serve();
    return promise.finally(() => signal.removeEventListener("abort", onAbort));
  }

  #release(process: QueryProcess, callerId: string, uses: number): void {
    if (process.hasEnded || uses >= MAX_USES || this.#isClosed) this.#drop(process);
    else this.#idle.push({ process, callerId, uses, since: Date.now() });
    this.#serve();
  }

  /** Gives what there is to those who wait, and starts what else they need. */
  #serve(): void {
    if (this.#isClosed) return;
    for (const waiter of [...this.#waiting]) {
      const taken = this.#takeFor(waiter.callerId);
      if (taken === undefined) continue;
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      waiter.resolve(taken);
    }
    while (this.#starting.size < this.#waiting.length && this.#hasRoom()) this.#startOne();
  }

  #takeFor(callerId: string): IdleProcess | undefined {
    const own = this.#idle.findIndex((each) => each.callerId === callerId);
    const index = own >= 0 ? own : this.#idle.findIndex((each) => each.callerId === undefined);
    return index < 0 ? undefined : this.#idle.splice(index, 1)[0];
  }

  /** If there is none, ends what another caller might use again: there is room when it is gone. */
  #hasRoom(): boolean {
    if (this.size < this.#options.maxProcesses) return true;
    const [other] = this.#idle;
    if (other !== undefined) this.#drop(other.process);
    return false;
  }

  #startOne(): void {
    const starting = this.#options.start().then(
      (process) => {
        this.#starting.delete(starting);
        this.#all.add(process);
        void process.gone.then(() => this.#forget(process));
        this.#idle.push({ process, callerId: undefined, uses: 0, since: Date.now() });
        this.#sweep ??= setInterval(() => this.#endIdle(), IDLE_MS / 4).unref();
        this.#serve();
      },
      (error: unknown) => {
        this.#starting.delete(starting);
        this.#waiting.shift()?.reject(error);
        this.#serve();
      },
    );
    this.#starting.add(starting);
  }

  #endIdle(): void {
    const oldest = Date.now() - IDLE_MS;
    for (const { process } of this.#idle.filter(({ since }) => since < oldest)) this.#drop(process);
  }

  #drop(process: QueryProcess): void {
    this.#takeFromIdle(process);
    process.kill();
  }

  #forget(process: QueryProcess): void {
    this.#all.delete(process);
    this.#takeFromIdle(process);
    this.#serve();
  }

  #takeFromIdle(process: QueryProcess): void {
    const index = this.#idle.findIndex((each) => each.process === process);
    if (index >= 0) this.#idle.splice(index, 1);
  }
}
