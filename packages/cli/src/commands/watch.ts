import type { EventStart } from "@millrace/client-sdk";
import { Command } from "commander";

import { type CommandContext, type CommonOptions, withCommonOptions } from "../command-context.js";
import { followEvents } from "../follow-events.js";
import { eventStart, integerFrom } from "../option-parsers.js";
import { type SelectionOptions, selectionOf, withSelectionOptions } from "../selection-options.js";

interface WatchCommandOptions extends CommonOptions, SelectionOptions {
  readonly from: EventStart;
  readonly limit?: number;
}

/** `millrace watch`: a line per event; with `--json` one JSON object per line. */
export function watchCommand(context: CommandContext): Command {
  const command = withSelectionOptions(new Command("watch"))
    .description("Print events as they are published; goes on by itself when the connection or the server is lost.")
    .option("--from <position>", "beginning, end, a sequence, or the token of an event", eventStart, "end")
    .option("--limit <count>", "end after so many events", integerFrom(1));
  return withCommonOptions(command).action((options: WatchCommandOptions) => watch(context, options));
}

async function watch(context: CommandContext, options: WatchCommandOptions): Promise<void> {
  const { target, from, limit, json } = options;
  await using client = await context.openClient(target);
  const watchOptions = { ...selectionOf(options), from, ...(limit !== undefined && { limit }) };
  await followEvents(context, client.events, watchOptions, json);
}
