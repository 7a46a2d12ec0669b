import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Readable } from "node:stream";

import type { BatchItemResult, ProcessOptions } from "@millrace/client-sdk";
import { Command, Option } from "commander";

import { BadLines } from "../bad-lines.js";
import { batchItemOfJson, itemOfText, type LineItem } from "../batch-item.js";
import { resultLine, summaryLine, summaryText } from "../batch-output.js";
import { type CommandContext, type CommonOptions, withCommonOptions } from "../command-context.js";
import { type NumberedLine, numberedLines } from "../numbered-lines.js";
import { integerFrom } from "../option-parsers.js";

interface BatchCommandOptions
  extends CommonOptions, Pick<ProcessOptions, "batchId" | "maxConcurrency" | "maxAttempts" | "dryRun" | "onFailure"> {
  readonly raw?: boolean;
}

/** `millrace batch OPERATION FILE`: runs the items of a file, and fails if one of them does. */
export function batchCommand(context: CommandContext): Command {
  const command = new Command("batch")
    .description("Run an operation on each item of a file.")
    .argument("<operation>", "echo, sha256, dataset.put, event.publish, or one of the server's own")
    .argument("<file>", 'lines of {"payload","id","attributes",…}; or - for standard input')
    .option("--raw", "each line is a payload, as it is")
    .option("--batch-id <id>", "go on with the batch of this id: items that have an outcome are not run again")
    .option("--max-concurrency <n>", "items that run at the same time (default: 8)", integerFrom(1, 256))
    .option(
      "--max-attempts <n>",
      "attempts at an item whose failure may be mended by another (default: 1)",
      integerFrom(1, 10),
    )
    .addOption(
      new Option("--on-failure <policy>", "what a failure does to the other items")
        .choices(["continue", "stop", "atomic"])
        .default("continue"),
    )
    .option("--dry-run", "check the items and run none");
  return withCommonOptions(command).action((operation: string, file: string, options: BatchCommandOptions) =>
    runFile(context, operation, file, options),
  );
}

async function runFile(
  context: CommandContext,
  operation: string,
  file: string,
  { target, json = false, raw = false, batchId = randomUUID(), ...options }: BatchCommandOptions,
): Promise<void> {
  const { terminal, signal } = context;
  const bad = new BadLines(context);
  const failed = new BadLines(context);
  const onResult = async (result: BatchItemResult<LineItem>): Promise<void> => {
    if (json) await terminal.write(resultLine(result));
    if (result.outcome === "failed") failed.add(result.item.line, result.error?.message ?? "failed");
  };
  await using client = await context.openClient(target);
  const input = file === "-" ? context.input : await openFile(file);
  try {
    const items = itemsOf(numberedLines(input, signal), raw ? itemOfText : batchItemOfJson, bad);
    const run = { ...options, operation, batchId, signal, onResult, omitOutputs: !json };
    const summary = await client.batch.process(items, run);
    signal.throwIfAborted(); // then the file was not read to its end
    terminal.out(json ? summaryLine(summary, bad.count) : summaryText(summary));
  } catch (error) {
    terminal.err(`millrace: go on with --batch-id ${batchId}\n`);
    throw error;
  } finally {
    input.destroy();
  }
  if (failed.count > 0) throw new Error(`${String(failed.count)} items failed`);
  if (bad.count > 0) throw new Error(`${String(bad.count)} lines were left out`);
}

/** Fails before anything is sent if there is no such file. */
async function openFile(path: string): Promise<Readable> {
  await stat(path);
  return createReadStream(path);
}

async function* itemsOf(
  lines: AsyncIterable<NumberedLine>,
  itemOf: (line: NumberedLine) => LineItem,
  bad: BadLines,
): AsyncGenerator<LineItem, void, undefined> {
  for await (const line of lines) {
    if (line.text.trim() === "") continue;
    const item = itemUnlessBad(line, itemOf, bad);
    if (item !== undefined) yield item;
  }
}

function itemUnlessBad(
  line: NumberedLine,
  itemOf: (line: NumberedLine) => LineItem,
  bad: BadLines,
): LineItem | undefined {
  try {
    return itemOf(line);
  } catch (error) {
    bad.add(line.line, error instanceof Error ? error.message : String(error));
    return undefined;
  }
}
