#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";

import { type ClientOptions, connectClient, createClient, FileResumeStore } from "@millrace/client-sdk";

import { interruptSignal } from "./interrupt-signal.js";
import { runCli } from "./run-cli.js";
import { stateDirectory } from "./state-directory.js";
import { processTerminal } from "./terminal.js";
import { watchOutput } from "./watch-output.js";

/** How long a transfer waits for a server that went away, in milliseconds: the same command continues it later. */
const MAX_OUTAGE_MS = 120_000;

// Else V8 lets short-lived garbage pile up to 100 MiB: an import of any size took 280 MiB, with this it takes 165.
setFlagsFromString("--semi-space-growth-factor=1");

const signal = interruptSignal(process, { exit: (code) => process.exit(code), now: () => performance.now() });
watchOutput({
  stdout: process.stdout,
  stderr: process.stderr,
  err: processTerminal.err,
  exit: (code) => process.exit(code),
});
// Advice for programmers, such as on what grpc-js does with IP addresses and TLS.
process.noDeprecation = true;

const token = process.env["MILLRACE_TOKEN"];
const clientOptions = (target: string): ClientOptions => {
  return { target, resume: { maxElapsedMs: MAX_OUTAGE_MS }, ...(token && { auth: token }) };
};

process.exitCode = await runCli(process.argv.slice(2), {
  terminal: processTerminal,
  get input() {
    return process.stdin; // opened only by a command that reads it
  },
  screen: process.stdin.isTTY && process.stdout.isTTY ? process.stdout : undefined,
  signal,
  openClient: (target) => connectClient(clientOptions(target), { signal }),
  createClient: (target) => createClient(clientOptions(target)),
  resumeStore: new FileResumeStore(stateDirectory(process.env)),
});
