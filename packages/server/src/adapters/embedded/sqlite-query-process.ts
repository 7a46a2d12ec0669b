import type { MessagePort } from "node:worker_threads";

import { ServiceError } from "@millrace/shared-types";

import type {
  QueryFailure,
  QueryProcessAnswer,
  QueryProcessNotice,
  QueryProcessOrder,
  QueryProcessRequest,
  QueryProcessSetup,
} from "./sqlite-query-protocol.js";
import { MEMORY_SIGNAL } from "./sqlite-query-protocol.js";

type AnswerTo<Kind> = Extract<QueryProcessAnswer, { readonly kind: Kind }>;

interface Question {
  readonly resolve: (answer: QueryProcessAnswer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A process that runs queries. It has no environment, no files of ours and no way to write any, and ends with this
 * process, however that ends. The thread that has started it speaks for it.
 */
export class QueryProcess {
  /** Resolves when it is gone. */
  readonly gone: Promise<void>;
  readonly #port: MessagePort;
  #pid = 0;
  #question: Question | undefined;
  #end: Error | undefined;

  private constructor(port: MessagePort) {
    this.#port = port;
    this.gone = new Promise((resolve) => port.once("close", resolve));
    port.on("message", (notice: QueryProcessNotice) => this.#note(notice));
    port.once("close", () => this.#fail(unavailable(new Error("the thread that starts query processes has ended"))));
  }

  /**
   * Waits until a process is locked down.
   *
   * @param port to the thread that starts it
   * @throws ServiceError `BACKEND_UNAVAILABLE`
   */
  static async start(port: MessagePort, setup: QueryProcessSetup): Promise<QueryProcess> {
    const started = new QueryProcess(port);
    await started.#say(setup);
    return started;
  }

  get pid(): number {
    return this.#pid;
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Whether it works on something. */
  get isBusy(): boolean {
    return this.#question !== undefined;
  }

  /**
   * Asks it something, one thing at a time.
   *
   * @throws ServiceError what the statement failed with, or that the process has ended
   */
  async ask<Kind extends QueryProcessAnswer["kind"]>(
    request: QueryProcessRequest,
    expected: Kind,
  ): Promise<AnswerTo<Kind>> {
    const answer = await this.#say(request);
    if (answer.kind === "failed") throw errorOf(answer.failure);
    if (answer.kind !== expected) throw new Error(`a query process said ${answer.kind}, not ${expected}`);
    return answer as AnswerTo<Kind>;
  }

  /** Ends it at once, whatever it does. What waits for it rejects with `reason`. */
  kill(reason: Error = unavailable(new Error("the process was ended"))): void {
    this.#fail(reason);
    this.#order({ kind: "kill" });
  }

  #say(message: QueryProcessRequest | QueryProcessSetup): Promise<QueryProcessAnswer> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      this.#question = { resolve, reject };
      this.#order({ kind: "say", message });
    });
  }

  #order(order: QueryProcessOrder): void {
    this.#port.postMessage(order);
  }

  #note(notice: QueryProcessNotice): void {
    switch (notice.kind) {
      case "started":
        this.#pid = notice.pid;
        break;
      case "answer":
        this.#settle(notice.answer);
        break;
      case "ended":
        this.#fail(endedBy(notice.signal, notice.lastWords));
        this.#port.close();
    }
  }

  #settle(answer: QueryProcessAnswer): void {
    const question = this.#question;
    this.#question = undefined;
    question?.resolve(answer);
  }

  #fail(error: Error): void {
    this.#end ??= error;
    const question = this.#question;
    this.#question = undefined;
    question?.reject(this.#end);
  }
}

function endedBy(signal: NodeJS.Signals | null, lastWords: string): ServiceError {
  if (signal === MEMORY_SIGNAL || signal === "SIGABRT") {
    return new ServiceError("QUERY_LIMIT", "the query used more memory than one may");
  }
  return unavailable(new Error(`a query process ended (${signal ?? "by itself"}): ${lastWords}`));
}

function errorOf({ reason, message }: QueryFailure): Error {
  if (reason === "unforeseen") return new Error(`a query failed: ${message}`);
  return new ServiceError(reason, message, reason === "BACKEND_UNAVAILABLE" ? { retryAfterMs: 1000 } : {});
}

function unavailable(cause: Error): ServiceError {
  return new ServiceError("BACKEND_UNAVAILABLE", "the server cannot run queries now", { cause, retryAfterMs: 1000 });
}
