import { Readable, type Writable } from "node:stream";

import {
  type BatchApi,
  type ChatApi,
  type ClientStatus,
  type DataApi,
  type EventsApi,
  type FilesApi,
  MemoryResumeStore,
  type MetricsApi,
  type QueryApi,
  type SyncApi,
} from "@millrace/client-sdk";

import type { CommandClient } from "./command-context.js";
import { runCli } from "./run-cli.js";
import { RecordingTerminal } from "./terminal.test.support.js";

/** What a command is run with. An API that is left out must not be used. */
export interface CommandSetup {
  readonly files?: Partial<FilesApi>;
  readonly events?: Partial<EventsApi>;
  readonly chat?: Partial<ChatApi>;
  readonly data?: Partial<DataApi>;
  readonly metrics?: Partial<MetricsApi>;
  readonly batch?: Partial<BatchApi>;
  readonly sync?: Partial<SyncApi>;
  readonly query?: Partial<QueryApi>;
  /** What the client tells of itself. Default: nothing. */
  readonly status?: () => AsyncIterable<ClientStatus>;
  /** Standard input. Default: empty. */
  readonly input?: Readable | string;
  readonly screen?: Writable;
  readonly signal?: AbortSignal;
  readonly terminal?: RecordingTerminal;
  /** What connecting fails with. */
  readonly refusal?: Error;
}

/** What came of it. */
export interface CommandRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly targets: readonly string[];
  /** Clients that were closed. */
  readonly closed: number;
}

/** Runs a command with APIs that a test makes up. */
export async function runCommand(args: readonly string[], setup: CommandSetup = {}): Promise<CommandRun> {
  const { input = "", screen, signal, refusal, terminal = new RecordingTerminal(), ...given } = setup;
  const apis = { status: nothing, ...given } as unknown as Omit<CommandClient, keyof AsyncDisposable>;
  const targets: string[] = [];
  let closed = 0;
  const code = await runCli(args, {
    terminal,
    input: typeof input === "string" ? Readable.from(input === "" ? [] : [Buffer.from(input)]) : input,
    screen,
    signal: signal ?? new AbortController().signal,
    resumeStore: new MemoryResumeStore(),
    createClient(target) {
      targets.push(target);
      return { ...apis, [Symbol.asyncDispose]: async () => void closed++ };
    },
    async openClient(target) {
      targets.push(target);
      if (refusal) throw refusal;
      return { ...apis, [Symbol.asyncDispose]: async () => void closed++ };
    },
  });
  const { stdout, stderr } = terminal;
  return { code, stdout, stderr, targets, closed };
}

async function* nothing(): AsyncGenerator<never, void, undefined> {}
