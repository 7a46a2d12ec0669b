import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";

import type { DataItem } from "@millrace/client-sdk";
import { Command, Option } from "commander";

import { type CommandContext, type CommonOptions, withCommonOptions } from "../command-context.js";
import { formatOf } from "../file-format.js";
import type { FileFormat } from "../import-file.js";
import { CSV_HEADER, itemLine, itemRecord } from "../item-output.js";
import { listItems } from "../list-items.js";

interface ExportCommandOptions extends CommonOptions {
  readonly format?: FileFormat;
}

/** `millrace export DATASET FILE`: the file is there when it is whole. */
export function exportCommand(context: CommandContext): Command {
  const command = new Command("export")
    .description(
      "Write the items of a dataset, as of now, to a file from which import makes the same, but for their ids.",
    )
    .argument("<dataset>", "such as default")
    .argument("<file>", "path of the new file, or - for standard output")
    .addOption(new Option("--format <format>", "default: by the file's name, else ndjson").choices(["ndjson", "csv"]));
  return withCommonOptions(command).action((dataset: string, file: string, options: ExportCommandOptions) =>
    exportDataset(context, dataset, file, options),
  );
}

async function exportDataset(
  context: CommandContext,
  dataset: string,
  file: string,
  { target, json, format = formatOf(file) }: ExportCommandOptions,
): Promise<void> {
  await using client = await context.openClient(target);
  let items = 0;
  const lineOf = (item: DataItem): string => {
    items++;
    return format === "csv" ? itemRecord(item) : itemLine(item);
  };
  const chunks = withHeader(format, listItems(context, client.data, { dataset }, lineOf));
  if (file === "-") {
    for await (const chunk of chunks) await context.terminal.write(chunk);
    return;
  }
  await writeWhole(file, chunks);
  context.terminal.out(json ? `${JSON.stringify({ items })}\n` : `exported ${String(items)} items\n`);
}

async function* withHeader(format: FileFormat, chunks: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  if (format === "csv") yield CSV_HEADER;
  yield* chunks;
}

/** Under another name until it is durable. */
async function writeWhole(file: string, chunks: AsyncIterable<string>): Promise<void> {
  const part = `${file}.part`;
  const output = createWriteStream(part, { flush: true });
  const closed = new Promise<void>((resolve) => output.once("close", () => resolve()));
  try {
    await pipeline(chunks, output);
    await rename(part, file);
  } catch (error) {
    await closed; // a stream that failed at once may only now make its file
    await rm(part, { force: true });
    throw error;
  }
}
