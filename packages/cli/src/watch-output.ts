import type { EventEmitter } from "node:events";

import { failureLine } from "./failure-line.js";
import { ExitCode } from "./run-cli.js";

/** As shells report a process that ends because nobody reads what it writes. */
const BROKEN_PIPE = 141;

export interface Output {
  readonly stdout: EventEmitter;
  readonly stderr: EventEmitter;
  readonly err: (text: string) => void;
  readonly exit: (code: number) => void;
}

/** Decides what becomes of a command that cannot write: without a listener Node would print a stack. */
export function watchOutput({ stdout, stderr, err, exit }: Output): void {
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    // `millrace ls | head` closes our output early.
    if (error.code === "EPIPE") return exit(BROKEN_PIPE);
    err(failureLine(error));
    exit(ExitCode.FAILED);
  });
  // What is written there is for people: a transfer goes on without them.
  stderr.on("error", () => {});
}
