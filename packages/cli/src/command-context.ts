import type { Readable, Writable } from "node:stream";

import type {
  BatchApi,
  ChatApi,
  ClientStatus,
  DataApi,
  EventsApi,
  FilesApi,
  MetricsApi,
  QueryApi,
  ResumeStore,
  SyncApi,
} from "@millrace/client-sdk";
import { type Command, Option } from "commander";

import { targetOf } from "./option-parsers.js";
import type { Terminal } from "./terminal.js";

/** What a command needs from a client. */
export interface CommandClient extends AsyncDisposable {
  readonly files: FilesApi;
  readonly events: EventsApi;
  readonly chat: ChatApi;
  readonly data: DataApi;
  readonly metrics: MetricsApi;
  readonly batch: BatchApi;
  readonly sync: SyncApi;
  readonly query: QueryApi;
  /** What happens to the connection, and to calls that are tried again; ends when the client is closed. */
  status(): AsyncIterable<ClientStatus>;
}

/** What commands work with; tests put their own here. */
export interface CommandContext {
  readonly terminal: Terminal;
  /** Standard input. */
  readonly input: Readable;
  /** Where lines can be edited, if a person sits there: then `input` is what is typed. */
  readonly screen: Writable | undefined;
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
  /** Connects, or rejects at the first failure: nobody wants to wait for a server that is not there. */
  readonly openClient: (target: string) => Promise<CommandClient>;
  /** As {@link openClient}, but connects when it can. */
  readonly createClient: (target: string) => CommandClient;
  /** Remembers unfinished transfers across runs. */
  readonly resumeStore: ResumeStore;
}

/** Options that every command has. */
export interface CommonOptions {
  readonly target: string;
  readonly json?: boolean;
}

/** Adds the options that every command has. */
export function withCommonOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--target <host:port>", "server to talk to")
        .env("MILLRACE_TARGET")
        .argParser(targetOf)
        .default("127.0.0.1:50051"),
    )
    .option("--json", "print the result as JSON");
}
