import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import type { Readable } from "node:stream";

import { type DataApi, type ImportProgress, StreamingError } from "@millrace/client-sdk";
import { Command, Option } from "commander";

import { BadLines } from "../bad-lines.js";
import { type CommandContext, type CommonOptions, withCommonOptions } from "../command-context.js";
import { formatOf } from "../file-format.js";
import { type FileFormat, itemsOfFile } from "../import-file.js";
import { OutageNotice } from "../outage-notice.js";
import { type Progress, ProgressBar } from "../progress-bar.js";

/** What is read of a file at a time. */
const READ_BYTES = 256 * 1024;

interface ImportCommandOptions extends CommonOptions {
  readonly format?: FileFormat;
}

/** `millrace import DATASET FILE`: makes the dataset if there is none, and says how many items it got. */
export function importCommand(context: CommandContext): Command {
  const command = new Command("import")
    .description("Store the items of a file; bad lines are told and left out.")
    .argument("<dataset>", "made if there is none")
    .argument("<file>", 'lines of {"key","data"}, or CSV with a column "key"; or - for standard input')
    .addHelpText("after", "\nAn id in the file is left out: ids are the server's.")
    .addOption(new Option("--format <format>", "default: by the file's name, else ndjson").choices(["ndjson", "csv"]));
  return withCommonOptions(command).action((dataset: string, file: string, options: ImportCommandOptions) =>
    importFile(context, dataset, file, options),
  );
}

async function importFile(
  context: CommandContext,
  dataset: string,
  file: string,
  { target, json, format = formatOf(file) }: ImportCommandOptions,
): Promise<void> {
  const { terminal, signal } = context;
  const bad = new BadLines(context);
  const bar = new ProgressBar(terminal, `import ${basename(file)}`);
  const notice = new OutageNotice(bar);
  await using client = await context.openClient(target);
  if (!json) void notice.listen(client);
  const [input, progressOf] = await openSource(file, context.input);
  try {
    await ensureDataset(client.data, dataset, signal);
    const items = itemsOfFile(input, format, signal, (line, message) => bad.add(line, message));
    const { storedItems, storedBytes } = await client.data.import(items, {
      dataset,
      signal,
      onRejected: ({ line }, error) => bad.add(line, error.message),
      onProgress: (progress) => {
        notice.progressed();
        bar.update(progressOf(progress));
      },
    });
    signal.throwIfAborted(); // then the file was not read to its end
    bar.finish();
    const result = { storedItems, storedBytes, badLines: bad.count };
    terminal.out(json ? `${JSON.stringify(result)}\n` : `imported ${String(storedItems)} items\n`);
  } finally {
    bar.finish();
    input.destroy();
  }
  if (bad.count > 0) throw new Error(`${String(bad.count)} lines were left out`);
}

async function ensureDataset(data: DataApi, name: string, signal: AbortSignal): Promise<void> {
  try {
    await data.datasets.create(name, { signal, retry: {} });
  } catch (error) {
    if (!(StreamingError.is(error) && error.kind === "already-exists")) throw error;
  }
}

/** How far an import from standard input is, or one from a file: some of what is read may still be on its way. */
type ReadProgress = (progress: ImportProgress) => Progress;

async function openSource(
  file: string,
  stdin: Readable,
): Promise<readonly [input: Readable, progressOf: ReadProgress]> {
  if (file === "-") {
    return [stdin, ({ storedBytes, bytesPerSecond }) => ({ doneBytes: storedBytes, bytesPerSecond })];
  }
  const { size: totalBytes } = await stat(file);
  const input = createReadStream(file, { highWaterMark: READ_BYTES });
  const startedAt = Date.now();
  return [
    input,
    () => {
      const { bytesRead: doneBytes } = input;
      return { doneBytes, totalBytes, bytesPerSecond: (doneBytes * 1000) / Math.max(1, Date.now() - startedAt) };
    },
  ];
}
