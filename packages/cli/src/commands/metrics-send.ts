import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";

import type { MetricRejection, MetricSample, MetricsSummary } from "@millrace/client-sdk";
import { Command } from "commander";

import { BadLines } from "../bad-lines.js";
import { type CommandContext, type CommonOptions, withCommonOptions } from "../command-context.js";
import { escapeControls } from "../escape-controls.js";
import { failureLine } from "../failure-line.js";
import { numberedLines } from "../numbered-lines.js";
import { sampleOfLine } from "../sample-of-line.js";

/** What is read of a file at a time. */
const READ_BYTES: number = 256 * 1024;

/** Refused samples that are told one by one. */
const MAX_TOLD = 20;

interface SendCommandOptions extends CommonOptions {
  readonly producer?: string;
}

/** `millrace metrics send FILE`: says what became of its samples. */
export function metricsSendCommand(context: CommandContext): Command {
  const command = new Command("send")
    .description("Store the samples of a file; bad lines are told and left out.")
    .argument("<file>", 'lines of {"name","value","labels","timestamp"}, or - for standard input')
    .option("--producer <id>", "names these samples: the same file sent again under it is stored once");
  return withCommonOptions(command).action((file: string, options: SendCommandOptions) =>
    sendFile(context, file, options),
  );
}

async function sendFile(
  context: CommandContext,
  file: string,
  { target, json, producer }: SendCommandOptions,
): Promise<void> {
  const { terminal, signal } = context;
  const bad = new BadLines(context);
  await using client = await context.openClient(target);
  const input = file === "-" ? context.input : createReadStream(file, { highWaterMark: READ_BYTES });
  try {
    const samples = samplesOf(input, signal, bad);
    const summary = await client.metrics.send(samples, {
      signal,
      ...(producer !== undefined && { producerId: producer }),
    });
    signal.throwIfAborted(); // then the file was not read to its end
    terminal.out(json ? summaryJson(summary, bad.count) : summaryText(summary));
    for (const rejection of summary.rejections.slice(0, MAX_TOLD)) terminal.err(failureLine(toldError(rejection)));
    if (summary.rejectedCount > 0) throw new Error(`${String(summary.rejectedCount)} samples were refused`);
  } finally {
    input.destroy();
  }
  bad.throwIfAny();
}

async function* samplesOf(
  input: Readable,
  signal: AbortSignal,
  bad: BadLines,
): AsyncGenerator<MetricSample, void, undefined> {
  for await (const line of numberedLines(input, signal)) {
    if (line.text.trim() === "") continue;
    const sample = unlessBad(line.line, bad, () => sampleOfLine(line));
    if (sample !== undefined) yield sample;
  }
}

function unlessBad<T>(line: number, bad: BadLines, make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    bad.add(line, error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

function toldError({ index, name, error }: MetricRejection): Error {
  return new Error(`sample ${String(index + 1)}, ${JSON.stringify(name)}: ${error.message}`);
}

function summaryJson(summary: MetricsSummary, badLines: number): string {
  const { rejections, stats, ...rest } = summary;
  const told = rejections.map(({ index, name, error }) => ({
    index,
    name,
    reason: error.reason,
    message: error.message,
  }));
  return `${JSON.stringify({ ...rest, badLines, rejections: told, stats: Object.fromEntries(stats) })}\n`;
}

function summaryText({ storedCount, duplicateCount, rejectedCount, stats }: MetricsSummary): string {
  const lines = [...stats].map(([name, { count, sum, min, max }]) => {
    return `  ${escapeControls(name)}: ${String(count)} samples, sum ${String(sum)}, ${String(min)} to ${String(max)}\n`;
  });
  const counts = [
    `stored ${String(storedCount)} samples`,
    ...(duplicateCount > 0 ? [`${String(duplicateCount)} had been sent before`] : []),
    ...(rejectedCount > 0 ? [`${String(rejectedCount)} were refused`] : []),
  ];
  return `${counts.join(", ")}\n${lines.join("")}`;
}
