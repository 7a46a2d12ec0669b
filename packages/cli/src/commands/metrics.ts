import { Command } from "commander";

import type { CommandContext } from "../command-context.js";
import { metricsQueryCommand } from "./metrics-query.js";
import { metricsSendCommand } from "./metrics-send.js";
import { metricsSeriesCommand } from "./metrics-series.js";

/** `millrace metrics …`. */
export function metricsCommand(context: CommandContext): Command {
  return new Command("metrics")
    .description("Send samples of metrics, and query them.")
    .addCommand(metricsSendCommand(context))
    .addCommand(metricsQueryCommand(context))
    .addCommand(metricsSeriesCommand(context));
}
