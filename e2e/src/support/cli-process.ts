import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

const MILLRACE = fileURLToPath(new URL("../../../packages/cli/bin/millrace.js", import.meta.url));

/** The built command line in a process of its own. */
export interface CliProcess extends AsyncDisposable {
  readonly pid: number;
  readonly output: Readable;
  /**
   * Resolves when it has exited with 0.
   *
   * @throws Error with another code, or the signal
   */
  readonly done: Promise<void>;
}

/** Runs `millrace ARGS`; its errors go to ours. */
export async function startCli(args: readonly string[]): Promise<CliProcess> {
  const child: ChildProcessByStdio<null, Readable, null> = spawn(process.execPath, [MILLRACE, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child, "spawn");
  const exited = once(child, "exit");
  const done = exited.then(([code, signal]) => {
    if (code !== 0) throw new Error(`millrace ${String(args[0])} ended with ${String(code ?? signal)}`);
  });
  done.catch(() => {}); // for those who never ask
  return {
    pid: child.pid ?? 0,
    output: child.stdout,
    done,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await exited;
    },
  };
}
