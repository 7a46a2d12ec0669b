import { isUtf8 } from "node:buffer";

import type { DataItem } from "@millrace/client-sdk";
import { Command } from "commander";

import { type CommandContext, type CommonOptions, withCommonOptions } from "../command-context.js";
import { factLines } from "../fact-lines.js";
import { formatBytes } from "../format.js";
import { itemLine } from "../item-output.js";

/** `millrace get DATASET KEY`: what is known of an item, and its content; with `--json` a line as of `list`. */
export function getCommand(context: CommandContext): Command {
  const command = new Command("get")
    .description("Show an item.")
    .argument("<dataset>", "such as default")
    .argument("<key>", "key of the item");
  return withCommonOptions(command).action((dataset: string, key: string, options: CommonOptions) =>
    get(context, dataset, key, options),
  );
}

async function get(
  { terminal, signal, openClient }: CommandContext,
  dataset: string,
  key: string,
  { target, json }: CommonOptions,
): Promise<void> {
  await using client = await openClient(target);
  const item = await client.data.get(key, { dataset, signal });
  terminal.out(json ? itemLine(item) : factLines(factsOf(item)));
}

function factsOf(item: DataItem): object {
  const { id, key, name, version, updatedAt, contentType, attributes, data } = item;
  return {
    id,
    key,
    name,
    version,
    updatedAt,
    contentType,
    ...(Object.keys(attributes).length > 0 && { attributes }),
    data: isUtf8(data) ? item.text() : `(${formatBytes(data.byteLength)})`,
  };
}
