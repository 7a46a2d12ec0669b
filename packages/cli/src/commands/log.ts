import type { EventsApi, LogInfo } from "@millrace/client-sdk";
import { Command } from "commander";

import { type CommandContext, type CommonOptions, withCommonOptions } from "../command-context.js";
import { factLines } from "../fact-lines.js";
import { collect } from "../option-parsers.js";

interface LogCommandOptions extends CommonOptions {
  readonly stream?: readonly string[];
}

/** `millrace log`: what the event log holds. */
export function logCommand(context: CommandContext): Command {
  const command = new Command("log")
    .description("Describe the event log: its epoch, oldest and newest position.")
    .option("--stream <name>", "also the revisions of this stream (repeatable)", collect);
  return withCommonOptions(command).action((options: LogCommandOptions) => log(context, options));
}

async function log({ terminal, signal, openClient }: CommandContext, options: LogCommandOptions): Promise<void> {
  const { target, stream: names = [], json } = options;
  await using client = await openClient(target);
  const { stream: _none, ...facts } = await client.events.info({ signal });
  const streams = await streamsOf(client.events, names, signal);
  if (json) return terminal.out(`${JSON.stringify({ ...facts, streams })}\n`);
  const lines = streams.map(({ name, ...revisions }) => `\n${factLines({ stream: name, ...revisions })}`);
  terminal.out(factLines(facts) + lines.join(""));
}

async function streamsOf(
  events: EventsApi,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly NonNullable<LogInfo["stream"]>[]> {
  const infos = await Promise.all(names.map((stream) => events.info({ stream, signal })));
  return infos.flatMap(({ stream }) => stream ?? []);
}
