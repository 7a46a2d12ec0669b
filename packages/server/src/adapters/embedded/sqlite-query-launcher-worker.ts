/**
 * The thread that starts the processes of queries and speaks for them: to start one holds the thread that does so for
 * milliseconds, or tens of them. It imports only node: modules and what does so too, so that Node runs it straight from
 * this source in tests.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { constants, setPriority } from "node:os";
import { parse } from "node:path";
import { fileURLToPath } from "node:url";
import { type MessagePort, parentPort } from "node:worker_threads";

import type { QueryProcessNotice, QueryProcessOrder } from "./sqlite-query-protocol.js";
import { moduleUrl, NODE_OPTIONS } from "./worker-thread.js";

/** Of a process's JavaScript, in MiB; what SQLite takes is not in it. */
const MAX_HEAP_MIB = 64;

/** What is kept of what a process writes to its standard error, in characters: for the log, should it end. */
const MAX_LAST_WORDS = 2000;

parentPort?.on("message", (port: MessagePort) => {
  const notify = (notice: QueryProcessNotice): void => port.postMessage(notice);
  try {
    speakFor(startProcess(), port, notify);
  } catch (error) {
    notify({ kind: "ended", signal: null, lastWords: String(error) });
  }
});

function startProcess(): ChildProcess {
  const { execPath } = process;
  const child = spawn(execPath, [...nodeOptions(), fileURLToPath(moduleUrl("sqlite-query-worker"))], {
    env: {},
    cwd: parse(execPath).root,
    stdio: ["pipe", "ignore", "pipe", "ipc"],
    serialization: "advanced",
  });
  giveWay(child);
  return child;
}

/** Node's permissions are a second fence: they keep JavaScript from everything but its own sources. */
function nodeOptions(): readonly string[] {
  const folder = fileURLToPath(new URL("../../..", import.meta.url));
  return [
    "--permission",
    `--allow-fs-read=${folder}*`,
    "--allow-worker",
    `--max-old-space-size=${String(MAX_HEAP_MIB)}`,
    "--disable-warning=SecurityWarning",
    ...NODE_OPTIONS,
  ];
}

/** The server comes first: a statement that computes must not keep it from serving. */
function giveWay({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // A system that knows no priorities, or a process that is gone already.
  }
}

/** Passes on what is said on either side, until the process is gone. */
function speakFor(child: ChildProcess, port: MessagePort, notify: (notice: QueryProcessNotice) => void): void {
  let lastWords = "";
  const note = (text: string): void => void (lastWords = (lastWords + text).slice(-MAX_LAST_WORDS));
  const giveUp = (error: Error | null): void => {
    if (error === null) return;
    note(String(error));
    if (child.pid === undefined) notify({ kind: "ended", signal: null, lastWords });
    else child.kill("SIGKILL");
  };
  child.on("error", giveUp);
  child.once("close", (_, signal) => notify({ kind: "ended", signal, lastWords }));
  child.stdin?.on("error", () => {}); // it is never written to
  child.stderr?.setEncoding("utf8").on("data", note);
  child.on("message", (answer) => notify({ kind: "answer", answer } as QueryProcessNotice));
  port.on("message", (order: QueryProcessOrder) => {
    if (order.kind === "kill") child.kill("SIGKILL");
    else child.send(order.message, giveUp);
  });
  notify({ kind: "started", pid: child.pid ?? 0 });
}
