import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

import type { Delivery, WatchedEvent } from "@millrace/client-sdk";

import { eventJson } from "./event-output.js";

/**
 * Runs a shell command for one event: its payload, or with `json` the event as JSON, is the command's standard input;
 * what it is goes into the environment. Resolves when the command has ended with 0. When the delivery is given
 * up, the command and all that it has started are told to terminate. Ctrl-C does not reach it.
 *
 * @throws {Error} if it ends in another way; the signal's reason, once it has ended, if the delivery was given up
 */
export async function runOnEvent(
  command: string,
  event: WatchedEvent,
  { attempt, signal }: Delivery,
  json: boolean | undefined,
): Promise<void> {
  signal.throwIfAborted();
  const child = spawn(command, {
    shell: true,
    stdio: ["pipe", "inherit", "inherit"],
    env: { ...process.env, ...environmentOf(event, attempt) },
    detached: true, // a process group of its own
  });
  child.stdin.on("error", () => {}); // it need not read
  child.stdin.end(json ? `${eventJson(event)}\n` : event.payload);
  const terminate = (): void => terminateGroup(child.pid);
  signal.addEventListener("abort", terminate, { once: true });
  const [code, killedBy] = await endOf(child).finally(() => signal.removeEventListener("abort", terminate));
  signal.throwIfAborted();
  if (code !== 0) throw new Error(`the command ended with ${String(code ?? killedBy)}`);
}

async function endOf(child: ChildProcess): Promise<[code: number | null, killedBy: string | null]> {
  return (await once(child, "exit")) as [number | null, string | null];
}

function terminateGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, "SIGTERM");
  } catch {
    // It has ended just now.
  }
}

function environmentOf(event: WatchedEvent, attempt: number): NodeJS.ProcessEnv {
  return {
    MILLRACE_EVENT_ID: event.id,
    MILLRACE_EVENT_TYPE: event.type,
    MILLRACE_EVENT_STREAM: event.stream,
    MILLRACE_EVENT_SEQUENCE: String(event.sequence),
    MILLRACE_EVENT_KEY: event.key,
    MILLRACE_EVENT_ATTEMPT: String(attempt),
  };
}
