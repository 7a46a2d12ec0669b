import { Command, CommanderError } from "commander";

import { CLI_VERSION } from "./cli-version.js";
import type { CommandContext } from "./command-context.js";
import { batchCommand } from "./commands/batch.js";
import { chatCommand } from "./commands/chat.js";
import { downloadCommand } from "./commands/download.js";
import { exportCommand } from "./commands/export.js";
import { getCommand } from "./commands/get.js";
import { importCommand } from "./commands/import.js";
import { listCommand } from "./commands/list.js";
import { logCommand } from "./commands/log.js";
import { lsCommand } from "./commands/ls.js";
import { metricsCommand } from "./commands/metrics.js";
import { publishCommand } from "./commands/publish.js";
import { queryCommand } from "./commands/query.js";
import { rmCommand } from "./commands/rm.js";
import { statCommand } from "./commands/stat.js";
import { subscribeCommand } from "./commands/subscribe.js";
import { syncCommand } from "./commands/sync.js";
import { tailCommand } from "./commands/tail.js";
import { uploadCommand } from "./commands/upload.js";
import { watchCommand } from "./commands/watch.js";
import { failureLine } from "./failure-line.js";

/** How the process ends. */
export const ExitCode = {
  OK: 0,
  /** A call failed; one line on standard error says why. */
  FAILED: 1,
  WRONG_USAGE: 2,
  /** As shells report a process that Ctrl-C ended. */
  INTERRUPTED: 130,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

const COMMANDS = [
  uploadCommand,
  downloadCommand,
  lsCommand,
  statCommand,
  rmCommand,
  publishCommand,
  watchCommand,
  tailCommand,
  subscribeCommand,
  logCommand,
  chatCommand,
  getCommand,
  listCommand,
  importCommand,
  exportCommand,
  metricsCommand,
  batchCommand,
  syncCommand,
  queryCommand,
];

/** Those that remember what they have done. */
const CONTINUED: readonly string[] = ["upload", "download"];

/**
 * Runs one command.
 *
 * @param args what follows the name of the program
 */
export async function runCli(args: readonly string[], context: CommandContext): Promise<ExitCode> {
  try {
    await programOf(context).parseAsync(args, { from: "user" });
    return ExitCode.OK;
  } catch (error) {
    return exitCodeOf(error, args, context);
  }
}

function programOf(context: CommandContext): Command {
  const { terminal } = context;
  const program = new Command("millrace")
    .description(
      "Files, events, chat, datasets, metrics, batches, synchronized documents and queries of a Millrace server.",
    )
    .version(CLI_VERSION);
  for (const command of COMMANDS) program.addCommand(command(context));
  for (const command of withSubcommands(program)) {
    command
      .exitOverride()
      .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) });
  }
  return program;
}

function withSubcommands(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

function exitCodeOf(error: unknown, args: readonly string[], { terminal, signal }: CommandContext): ExitCode {
  // Commander has printed what is wrong, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.OK : ExitCode.WRONG_USAGE;
  if (!signal.aborted) {
    terminal.err(failureLine(error));
    return ExitCode.FAILED;
  }
  const [command = ""] = args;
  const continues = CONTINUED.includes(command) ? "; it continues when the same command is run again" : "";
  terminal.err(`millrace: interrupted${continues}\n`);
  return ExitCode.INTERRUPTED;
}
