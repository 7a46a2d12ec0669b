import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type ContenderName =
  | "millrace"
  | "millrace in memory"
  | "encode per watcher"
  | "nice-grpc"
  | "commit per publish";

export interface ContenderUsage {
  /** Of all threads. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

/** A server in a process of its own. */
export interface RunningContender extends AsyncDisposable {
  readonly port: number;
  readonly target: string;
  /** From the start of the process until it served, in milliseconds. */
  readonly servingAfterMs: number;
  usage(): Promise<ContenderUsage>;
}

/** Starts a server. Its data are in `dataDir`, which stays; without it in a folder that goes with the server. */
export async function startContender(name: ContenderName, dataDir?: string): Promise<RunningContender> {
  const folder = dataDir ?? (await mkdtemp(join(tmpdir(), "millrace-bench-")));
  const startedAt = performance.now();
  const child = fork(join(import.meta.dirname, "serve-contender.js"), [name, folder]);
  const port = await answerOf<number>(child);
  return {
    port,
    target: `127.0.0.1:${String(port)}`,
    servingAfterMs: performance.now() - startedAt,
    usage() {
      child.send("usage");
      return answerOf<ContenderUsage>(child);
    },
    async [Symbol.asyncDispose]() {
      const exited = once(child, "exit");
      child.disconnect();
      await exited;
      if (dataDir === undefined) await rm(folder, { recursive: true });
    },
  };
}

function answerOf<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const died = (): void => reject(new Error("the server died"));
    child.once("exit", died);
    child.once("message", (answer) => {
      child.removeListener("exit", died);
      resolve(answer as T);
    });
  });
}
