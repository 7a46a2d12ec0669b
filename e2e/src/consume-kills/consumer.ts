import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import type { WorkLine } from "./work.js";

const PROGRAM = fileURLToPath(new URL("../../dist/consumer-process.js", import.meta.url));

/** A consumer in a process of its own. */
export interface Consumer {
  readonly id: string;
  /** SIGKILL; resolves when the process is gone and everything that it said was heard. */
  kill(): Promise<void>;
  /** SIGTERM: finishes what it has begun. */
  stop(): Promise<void>;
}

export interface ConsumerOptions {
  readonly target: string;
  readonly id: string;
  /** Does what the event says, or succeeds whatever it says. */
  readonly mood: "obey" | "succeed";
  readonly onLine: (line: WorkLine) => void;
}

export function startConsumer({ target, id, mood, onLine }: ConsumerOptions): Consumer {
  const child: ChildProcess = spawn(process.execPath, [PROGRAM, target, id, mood], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (child.stdout === null) throw new Error("the consumer's stdout is not piped");
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => onLine(JSON.parse(line) as WorkLine));
  const gone = Promise.all([once(child, "exit"), once(lines, "close")]);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await gone;
  };
  return { id, kill: () => end("SIGKILL"), stop: () => end("SIGTERM") };
}
