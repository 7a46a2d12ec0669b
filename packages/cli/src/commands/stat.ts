import { Command } from "commander";

import { type CommandContext, type CommonOptions, withCommonOptions } from "../command-context.js";
import { factLines } from "../fact-lines.js";

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
  context.terminal.out(json ? `${JSON.stringify(file)}\n` : factLines(file));
}
