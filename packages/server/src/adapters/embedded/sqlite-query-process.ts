import { type ChildProcess, spawn } from "node:child_process";
import { constants, setPriority } from "node:os";
import { parse } from "node:path";
import { fileURLToPath } from "node:url";

import { ServiceError } from "@millrace/shared-types";

import type {
  QueryFailure,
  QueryProcessAnswer,
  QueryProcessRequest,
  QueryProcessSetup,
} from "./sqlite-query-protocol.js";
import { MEMORY_SIGNAL } from "./sqlite-query-protocol.js";
import { SOURCE_IMPORTS } from "./sqlite-thread.js";

/** Whether this is a test that runs without a build: then the processes, too, run from their sources. */
const RUNS_FROM_SOURCE = import.meta.url.endsWith(".ts");

/** Of the process's JavaScript, in MiB; what SQLite takes is not in it. */
const MAX_HEAP_MIB = 64;

/** What is kept of what a process writes to its standard error, in characters: for the log, should it end. */
const MAX_LAST_WORDS = 2000;

type AnswerTo<Kind> = Extract<QueryProcessAnswer, { readonly kind: Kind }>;

interface Question {
  readonly resolve: (answer: QueryProcessAnswer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A process that runs queries. It has no environment, no files of ours and no way to write any, and ends with this
 * process, however that ends.
 */
export class QueryProcess {
  /** Resolves when it is gone. */
  readonly gone: Promise<void>;
  readonly #child: ChildProcess;
  #question: Question | undefined;
  #end: Error | undefined;
  /** The end of what it wrote about its troubles. */
  #lastWords = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.gone = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        this.#fail(endedBy(code, signal, this.#lastWords));
        resolve();
      });
      child.on("error", (error) => {
        this.#fail(unavailable(error));
        if (child.pid === undefined) resolve();
      });
    });
    child.on("message", (answer) => this.#settle(answer as QueryProcessAnswer));
    child.stdin?.on("error", () => {}); // it is never written to
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-MAX_LAST_WORDS);
    });
  }

  /** Starts a process; resolves when it is locked down. @throws ServiceError `BACKEND_UNAVAILABLE` */
  static async start(setup: QueryProcessSetup): Promise<QueryProcess> {
    const { execPath } = process;
    const child = spawn(execPath, [...nodeOptions(), workerPath()], {
      env: {},
      cwd: parse(execPath).root,
      stdio: ["pipe", "ignore", "pipe", "ipc"],
      serialization: "advanced",
    });
    const started = new QueryProcess(child);
    giveWay(child);
    await started.#say(setup);
    return started;
  }

  /** 0 if it could not be started. */
  get pid(): number {
    return this.#child.pid ?? 0;
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
    this.#child.kill("SIGKILL");
  }

  #say(message: QueryProcessRequest | QueryProcessSetup): Promise<QueryProcessAnswer> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      this.#question = { resolve, reject };
      this.#child.send(message, (error) => {
        if (error !== null) this.#fail(unavailable(error));
      });
    });
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

/** Node's permissions are a second fence: they keep JavaScript from everything but its own sources. */
function nodeOptions(): readonly string[] {
  const folder = fileURLToPath(new URL("../../..", import.meta.url));
  return [
    "--permission",
    `--allow-fs-read=${folder}*`,
    "--allow-worker",
    `--max-old-space-size=${String(MAX_HEAP_MIB)}`,
    "--disable-warning=ExperimentalWarning",
    "--disable-warning=SecurityWarning",
    ...(RUNS_FROM_SOURCE ? ["--import", SOURCE_IMPORTS] : []),
  ];
}

function workerPath(): string {
  return fileURLToPath(new URL(`./sqlite-query-worker${RUNS_FROM_SOURCE ? ".ts" : ".js"}`, import.meta.url));
}

/** The server comes first: a statement that computes must not keep it from serving. */
function giveWay({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // A system that knows no priorities, or a process that is gone already.
  }
}

function endedBy(code: number | null, signal: NodeJS.Signals | null, lastWords: string): ServiceError {
  if (signal === MEMORY_SIGNAL || signal === "SIGABRT") {
    return new ServiceError("QUERY_LIMIT", "the query used more memory than one may");
  }
  return unavailable(new Error(`a query process ended (${signal ?? String(code)}): ${lastWords}`));
}

function errorOf({ reason, message }: QueryFailure): Error {
  if (reason === "unforeseen") return new Error(`a query failed: ${message}`);
  return new ServiceError(reason, message, reason === "BACKEND_UNAVAILABLE" ? { retryAfterMs: 1000 } : {});
}

function unavailable(cause: Error): ServiceError {
  return new ServiceError("BACKEND_UNAVAILABLE", "the server cannot run queries now", { cause, retryAfterMs: 1000 });
}
