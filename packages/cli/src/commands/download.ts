import { stat } from "node:fs/promises";
import { basename, join } from "node:path";

import { Command } from "commander";

import { type CommandClient, type CommandContext, type CommonOptions, withCommonOptions } from "../command-context.js";
import { ProgressBar } from "../progress-bar.js";

/** `millrace download FILE_ID DEST`. */
export function downloadCommand(context: CommandContext): Command {
  const command = new Command("download")
    .description("Download a file; an interrupted download continues when the command is run again.")
    .argument("<file-id>", "id of the file, as upload and ls print it")
    .argument("<dest>", "path of the new file, a directory, or - for standard output");
  return withCommonOptions(command).action((fileId: string, dest: string, options: CommonOptions) =>
    download(context, fileId, dest, options),
  );
}

async function download(
  context: CommandContext,
  fileId: string,
  dest: string,
  { target, json }: CommonOptions,
): Promise<void> {
  const { terminal, signal, resumeStore } = context;
  const bar = new ProgressBar(terminal, `download ${fileId}`);
  await using client = await context.openClient(target);
  const destination = dest === "-" ? process.stdout : await pathOf(client, fileId, dest);
  try {
    const { size, sha256 } = await client.files.downloadTo(fileId, destination, {
      signal,
      resume: { store: resumeStore },
      onProgress: ({ receivedBytes, totalBytes, bytesPerSecond }) =>
        bar.update({ doneBytes: receivedBytes, totalBytes, bytesPerSecond }),
    });
    if (json && dest !== "-") terminal.out(`${JSON.stringify({ fileId, size, sha256 })}\n`);
  } finally {
    bar.finish();
  }
}

/** As `cp` does it: into a directory, under the last segment of the file's name. */
async function pathOf(client: CommandClient, fileId: string, dest: string): Promise<string> {
  const isDirectory = await stat(dest).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return isDirectory ? join(dest, basename((await client.files.stat(fileId)).filename)) : dest;
}
