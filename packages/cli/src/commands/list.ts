import { Command } from "commander";

import { type CommandContext, type CommonOptions, withCommonOptions } from "../command-context.js";
import { itemLine } from "../item-output.js";
import { listItems } from "../list-items.js";
import { integerFrom } from "../option-parsers.js";

interface ListCommandOptions extends CommonOptions {
  readonly limit?: number;
  readonly prefix?: string;
  readonly filter?: string;
  readonly from?: string;
  readonly descending?: boolean;
}

/** `millrace list DATASET`: one JSON object per line, with or without `--json`. */
export function listCommand(context: CommandContext): Command {
  const command = new Command("list")
    .description("List the items of a dataset in order of key; goes on by itself when the server is lost.")
    .argument("<dataset>", "such as default")
    .option("--limit <count>", "end after so many items", integerFrom(1))
    .option("--prefix <prefix>", "only keys that start with this")
    .option("--filter <cel>", "only items for which this is true, such as data.amount > 10")
    .option("--descending", "in descending order of key")
    .option("--from <position>", "go on where another listing with the same options ended");
  return withCommonOptions(command).action((dataset: string, options: ListCommandOptions) =>
    list(context, dataset, options),
  );
}

async function list(context: CommandContext, dataset: string, options: ListCommandOptions): Promise<void> {
  const { target, json: _, ...selection } = options;
  await using client = await context.openClient(target);
  const chunks = listItems(context, client.data, { dataset, ...selection }, itemLine);
  for await (const chunk of chunks) await context.terminal.write(chunk);
}
