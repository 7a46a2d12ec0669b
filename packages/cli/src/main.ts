#!/usr/bin/env node
import { createClient, FileResumeStore } from "@millrace/client-sdk";

import { runCli } from "./run-cli.js";
import { stateDirectory } from "./state-directory.js";
import { processTerminal } from "./terminal.js";

const interrupt = new AbortController();
// A second Ctrl-C finds no handler and ends the process at once.
process.once("SIGINT", () => interrupt.abort());
process.once("SIGTERM", () => interrupt.abort());
// `millrace ls | head` closes our output early: end as other programs do that nobody reads (128 + SIGPIPE).
process.stdout.on("error", () => process.exit(141));

const token = process.env["MILLRACE_TOKEN"];

process.exitCode = await runCli(process.argv.slice(2), {
  terminal: processTerminal,
  signal: interrupt.signal,
  openClient: (target) => createClient({ target, ...(token && { auth: token }) }),
  resumeStore: new FileResumeStore(stateDirectory(process.env)),
});
