import { spawn } from "node:child_process";
import { once } from "node:events";

import type { Delivery, WatchedEvent } from "@millrace/client-sdk";

import { eventJson } from "./event-output.js";

/**
 * Runs a shell command for one event: its payload, or with `json` the event as JSON, is the command's standard input;
 * what it is goes into the environment. Resolves when the command has ended with 0. When the delivery is given
 * up, the command is told to terminate.
 *
 * @throws {Error} if it ends in another way
 */
export async function runOnEvent(
  command: string,
  event: WatchedEvent,
  { attempt, signal }: Delivery,
  json: boolean | undefined,
): Promise<void> {
  const child = spawn(command, {
    shell: true,
    stdio: ["pipe", "inherit", "inherit"],
    env: { ...process.env, ...environmentOf(event, attempt) },
    signal,
  });
  child.stdin.on("error", () => {}); // it need not read
  child.stdin.end(json ? `${eventJson(event)}\n` : event.payload);
  const [code, killedBy] = (await once(child, "exit")) as [number | null, string | null];
  if (code !== 0) throw new Error(`the command ended with ${String(code ?? killedBy)}`);
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
