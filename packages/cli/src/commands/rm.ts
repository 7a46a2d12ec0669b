import { Command } from "commander";

import { type CommandContext, type CommonOptions, withCommonOptions } from "../command-context.js";

interface RmCommandOptions extends CommonOptions {
  readonly force?: boolean;
}

/** `millrace rm FILE_ID`. */
export function rmCommand(context: CommandContext): Command {
  const command = new Command("rm")
    .description("Delete a file; downloads in progress finish.")
    .argument("<file-id>", "id of the file, as upload and ls print it")
    .option("-f, --force", "succeed if there is no such file");
  return withCommonOptions(command).action((fileId: string, options: RmCommandOptions) => rm(context, fileId, options));
}

async function rm(
  context: CommandContext,
  fileId: string,
  { target, json, force = false }: RmCommandOptions,
): Promise<void> {
  await using client = await context.openClient(target);
  await client.files.delete(fileId, { allowMissing: force, signal: context.signal });
  if (json) context.terminal.out(`${JSON.stringify({ fileId })}\n`);
}
