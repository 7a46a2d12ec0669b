import type { EventSelection, EventsApi, WatchedEvent } from "@millrace/client-sdk";
import { Command } from "commander";

import { type CommandContext, type CommonOptions, withCommonOptions } from "../command-context.js";
import { eventOutput } from "../event-output.js";
import { followEvents } from "../follow-events.js";
import { integerFrom } from "../option-parsers.js";
import { type SelectionOptions, selectionOf, withSelectionOptions } from "../selection-options.js";

/** They are held until all are there, because they come from newer to older. */
const MAX_LINES = 1000;

interface TailCommandOptions extends CommonOptions, SelectionOptions {
  readonly lines: number;
  readonly follow?: boolean;
}

/** `millrace tail`: the newest events, oldest of them first. */
export function tailCommand(context: CommandContext): Command {
  const command = withSelectionOptions(new Command("tail"))
    .description("Print the newest events, and with -f those that follow.")
    .option("-n, --lines <count>", "how many", integerFrom(0, MAX_LINES), 10)
    .option("-f, --follow", "go on with what is published from now on");
  return withCommonOptions(command).action((options: TailCommandOptions) => tail(context, options));
}

async function tail(context: CommandContext, options: TailCommandOptions): Promise<void> {
  const { target, lines, follow, json } = options;
  const { terminal, signal } = context;
  const selection = selectionOf(options);
  await using client = await context.openClient(target);
  // Known before anything is read, so that nothing is missed if none of the stored events is selected.
  const { resumeToken } = await client.events.info({ signal });
  const newest = await newestOf(client.events, selection, lines, signal);
  for (const event of newest) await terminal.write(eventOutput(event, json));
  if (!follow) return;
  await followEvents(context, client.events, { ...selection, from: newest.at(-1)?.resumeToken ?? resumeToken }, json);
}

/** From older to newer. */
async function newestOf(
  events: EventsApi,
  selection: EventSelection,
  limit: number,
  signal: AbortSignal,
): Promise<readonly WatchedEvent[]> {
  const newest: WatchedEvent[] = [];
  if (limit === 0) return newest;
  for await (const event of events.read({ ...selection, backwards: true, limit, signal })) newest.push(event);
  return newest.toReversed();
}
