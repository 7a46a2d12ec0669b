import type { MetricSeries } from "@millrace/client-sdk";
import { Command } from "commander";

import { type CommandContext, type CommonOptions, withCommonOptions } from "../command-context.js";
import { escapeControls } from "../escape-controls.js";
import { labelText } from "../metric-output.js";
import { textChunks } from "../text-chunks.js";

interface SeriesCommandOptions extends CommonOptions {
  readonly filter?: string;
}

/** `millrace metrics series [PREFIX]`: name and labels, a line per series. */
export function metricsSeriesCommand(context: CommandContext): Command {
  const command = new Command("series")
    .description("List the series of metrics.")
    .argument("[prefix]", "only names that begin so")
    .option("--filter <cel>", 'only series for which this is true, such as labels.region == "eu"');
  return withCommonOptions(command).action((prefix: string | undefined, options: SeriesCommandOptions) =>
    series(context, prefix, options),
  );
}

async function series(
  { terminal, signal, openClient }: CommandContext,
  namePrefix: string | undefined,
  { target, json = false, filter }: SeriesCommandOptions,
): Promise<void> {
  await using client = await openClient(target);
  const found = client.metrics.series({
    signal,
    ...(namePrefix !== undefined && { namePrefix }),
    ...(filter !== undefined && { filter }),
  });
  for await (const chunk of textChunks(linesOf(found, json))) await terminal.write(chunk);
}

async function* linesOf(found: AsyncIterable<MetricSeries>, json: boolean): AsyncGenerator<string, void, undefined> {
  for await (const each of found) yield json ? `${JSON.stringify(each)}\n` : seriesText(each);
}

function seriesText({ name, labels, kind, unit, lastAt }: MetricSeries): string {
  const facts = [kind, unit, lastAt?.toISOString()].filter((fact) => fact !== undefined && fact !== "");
  return `${escapeControls(`${name}${labelText(labels)}`)}\t${escapeControls(facts.join(" "))}\n`;
}
