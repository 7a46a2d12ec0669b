import type { FileInfo } from "@millrace/client-sdk";
import { Command } from "commander";

import { type CommandContext, type CommonOptions, withCommonOptions } from "../command-context.js";
import { escapeControls } from "../escape-controls.js";
import { formatBytes } from "../format.js";

/** `millrace ls [PREFIX]`: one line per file; with `--json` one JSON object per line. */
export function lsCommand(context: CommandContext): Command {
  const command = new Command("ls")
    .description("List files in order of name: id, size, time of publication, name.")
    .argument("[prefix]", "only names that start with this", "");
  return withCommonOptions(command).action((prefix: string, options: CommonOptions) => ls(context, prefix, options));
}

async function ls(context: CommandContext, prefix: string, { target, json }: CommonOptions): Promise<void> {
  await using client = await context.openClient(target);
  for await (const file of client.files.list({ prefix, signal: context.signal })) {
    context.terminal.out(`${json ? JSON.stringify(file) : lineOf(file)}\n`);
  }
}

function lineOf({ fileId, size, createdAt, filename }: FileInfo): string {
  const time = createdAt.toISOString().slice(0, 19);
  return `${escapeControls(fileId)}  ${formatBytes(size).padStart(10)}  ${time}Z  ${escapeControls(filename)}`;
}
