import type { MetricWindow } from "@millrace/client-sdk";
import { Command, Option } from "commander";

import { type CommandContext, type CommonOptions, withCommonOptions } from "../command-context.js";
import { DRAWABLE, type Drawable, type Drawing, GroupDrawing, windowLine } from "../metric-output.js";
import { collect, collectFraction, duration, moment } from "../option-parsers.js";
import { textChunks } from "../text-chunks.js";

const HOUR_MS = 3_600_000;

/** Windows unless the step is given: as many as have room on a screen. */
const DEFAULT_WINDOWS = 60;

interface QueryCommandOptions extends CommonOptions {
  readonly since?: number;
  readonly from?: Date;
  readonly to?: Date;
  readonly step?: number;
  readonly groupBy: readonly string[];
  readonly filter?: string;
  readonly quantile: readonly number[];
  readonly show: Drawable;
}

/** `millrace metrics query NAME`: bars for each group, or with `--json` an object for each window. */
export function metricsQueryCommand(context: CommandContext): Command {
  const command = new Command("query")
    .description("Show the samples of a metric over time.")
    .argument("<name>", "of the metric")
    .option("--since <time>", "how far back, such as 15m or 7d (default: 1h)", duration)
    .addOption(new Option("--from <moment>", "in place of --since").argParser(moment).conflicts("since"))
    .option("--to <moment>", "default: now", moment)
    .option("--step <time>", "width of a window (default: a sixtieth of the time)", duration)
    .option("--group-by <label>", "a label to keep apart (repeatable)", collect, [])
    .option("--filter <cel>", 'only series for which this is true, such as labels.region == "eu"')
    .option("--quantile <fraction>", "such as 0.99, in JSON (repeatable)", collectFraction, [])
    .addOption(new Option("--show <what>", "what the bars show").choices(DRAWABLE).default("avg"));
  return withCommonOptions(command).action((name: string, options: QueryCommandOptions) =>
    query(context, name, options),
  );
}

async function query({ terminal, signal, openClient }: CommandContext, name: string, options: QueryCommandOptions) {
  const { target, json, groupBy, filter, quantile: quantiles } = options;
  const { from, to, stepMs } = rangeOf(options, Date.now());
  await using client = await openClient(target);
  const windows = client.metrics.query(name, {
    ...{ from, to, stepMs, groupBy, quantiles, signal },
    ...(filter !== undefined && { filter }),
  });
  if (json) {
    for await (const chunk of textChunks(linesOf(windows))) await terminal.write(chunk);
    return;
  }
  const drawing = {
    what: options.show,
    startMs: from.getTime(),
    stepMs,
    windows: Math.ceil((to.getTime() - from.getTime()) / stepMs),
    width: Math.max(1, terminal.columns - 2),
  };
  for await (const text of drawings(windows, drawing)) await terminal.write(text);
}

/** Windows begin at multiples of their width: the same query a moment later has the same ones. */
function rangeOf({ since = HOUR_MS, from, to, step }: QueryCommandOptions, nowMs: number) {
  const endMs = to?.getTime() ?? nowMs + 1;
  const startMs = from?.getTime() ?? endMs - since;
  const stepMs = step ?? Math.max(1, Math.ceil((endMs - startMs) / DEFAULT_WINDOWS));
  return { from: new Date(Math.floor(startMs / stepMs) * stepMs), to: new Date(endMs), stepMs };
}

async function* linesOf(windows: AsyncIterable<MetricWindow>): AsyncGenerator<string, void, undefined> {
  for await (const window of windows) yield windowLine(window);
}

/** The windows of a group come one after the other. */
async function* drawings(
  windows: AsyncIterable<MetricWindow>,
  drawing: Drawing,
): AsyncGenerator<string, void, undefined> {
  let group: GroupDrawing | undefined;
  for await (const window of windows) {
    if (group?.isOf(window) !== true) {
      if (group !== undefined) yield group.text;
      group = new GroupDrawing(drawing, window);
    }
    group.add(window);
  }
  yield group?.text ?? "no samples\n";
}
