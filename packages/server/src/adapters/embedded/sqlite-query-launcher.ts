import { MessageChannel, type Worker } from "node:worker_threads";

import { QueryProcess } from "./sqlite-query-process.js";
import type { QueryProcessSetup } from "./sqlite-query-protocol.js";
import { startWorker } from "./worker-thread.js";

/** Starts processes that run queries, from a thread of its own that is there from the first one on. */
export class QueryLauncher implements AsyncDisposable {
  readonly #setup: QueryProcessSetup;
  #worker: Worker | undefined;

  constructor(setup: QueryProcessSetup) {
    this.#setup = setup;
  }

  /** Starts a process; resolves when it is locked down. @throws ServiceError `BACKEND_UNAVAILABLE` */
  start(): Promise<QueryProcess> {
    const { port1, port2 } = new MessageChannel();
    this.#worker ??= this.#startThread();
    this.#worker.postMessage(port2, [port2]);
    return QueryProcess.start(port1, this.#setup);
  }

  /** Ends the thread. Call it when the processes are gone: nobody else would hear of their end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker?.terminate();
  }

  /** One that has ended is replaced when a process is needed: those that it spoke for have ended with it. */
  #startThread(): Worker {
    const worker = startWorker("sqlite-query-launcher-worker");
    worker.unref();
    worker.on("error", () => {}); // whoever waits for a process hears that it is gone
    worker.once("exit", () => (this.#worker = undefined));
    return worker;
  }
}
