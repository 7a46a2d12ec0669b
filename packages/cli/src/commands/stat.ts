import type { FileInfo } from "@millrace/client-sdk";
import { Command } from "commander";

import { type CommandContext, type CommonOptions, withCommonOptions } from "../command-context.js";
import { escapeControls } from "../escape-controls.js";

/** `millrace stat FILE_ID`: what the server knows about a file. */
export function statCommand(context: CommandContext): Command {
  const command = new Command("stat")
    .description("Describe a file.")
    .argument("<file-id>", "id of the file, as upload and ls print it");
  return withCommonOptions(command).action((fileId: string, options: CommonOptions) => stat(context, fileId, options));
}

async function stat(context: CommandContext, fileId: string, { target, json }: CommonOptions): Promise<void> {
  await using client = await context.openClient(target);
  const file = await client.files.stat(fileId, { signal: context.signal });
  context.terminal.out(json ? `${JSON.stringify(file)}\n` : linesOf(file));
}

function linesOf(file: FileInfo): string {
  return Object.entries(file)
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([key, value]) => `${key.padEnd(16)}${escapeControls(textOf(value))}\n`)
    .join("");
}

function textOf(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  return typeof value === "string" ? value : JSON.stringify(value);
}
