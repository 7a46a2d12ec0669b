import type { EventEmitter } from "node:events";

import { ExitCode } from "./run-cli.js";

/** Signals that come this close together are one Ctrl-C, in milliseconds: npx and timeout pass on what we have got already. */
const ONE_CTRL_C_MS = 500;

export interface InterruptOptions {
  readonly exit: (code: number) => void;
  /** Monotonic, in milliseconds. */
  readonly now: () => number;
}

/** A signal that aborts at the first SIGINT or SIGTERM. A later one ends the process at once. */
export function interruptSignal(process: EventEmitter, { exit, now }: InterruptOptions): AbortSignal {
  const interrupt = new AbortController();
  let firstAt = 0;
  const onSignal = (): void => {
    if (interrupt.signal.aborted) {
      if (now() - firstAt > ONE_CTRL_C_MS) exit(ExitCode.INTERRUPTED);
      return;
    }
    firstAt = now();
    interrupt.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return interrupt.signal;
}
