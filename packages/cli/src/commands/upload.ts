import { basename } from "node:path";

import { Command } from "commander";

import { type CommandContext, type CommonOptions, withCommonOptions } from "../command-context.js";
import { OutageNotice } from "../outage-notice.js";
import { ProgressBar } from "../progress-bar.js";

interface UploadCommandOptions extends CommonOptions {
  readonly name?: string;
}

/** `millrace upload FILE`: prints the id of the new file. */
export function uploadCommand(context: CommandContext): Command {
  const command = new Command("upload")
    .description("Upload a file; an interrupted upload continues when the command is run again.")
    .argument("<file>", "path of the file, or - for standard input")
    .option("--name <name>", "name on the server (default: the file's own, or stdin)");
  return withCommonOptions(command).action((file: string, options: UploadCommandOptions) =>
    upload(context, file, options),
  );
}

async function upload(context: CommandContext, file: string, options: UploadCommandOptions): Promise<void> {
  const { terminal, signal, resumeStore } = context;
  const filename = options.name ?? (file === "-" ? "stdin" : basename(file));
  const bar = new ProgressBar(terminal, `upload ${filename}`);
  const notice = new OutageNotice(bar);
  await using client = await context.openClient(options.target);
  if (!options.json) void notice.listen(client);
  try {
    const { fileId, size, sha256 } = await client.files.upload(file === "-" ? process.stdin : file, {
      filename,
      signal,
      resume: { store: resumeStore },
      onProgress: ({ committedBytes, totalBytes, bytesPerSecond }) => {
        notice.progressed();
        bar.update({ doneBytes: committedBytes, bytesPerSecond, ...(totalBytes !== undefined && { totalBytes }) });
      },
    });
    bar.finish();
    terminal.out(`${options.json ? JSON.stringify({ fileId, size, sha256 }) : fileId}\n`);
  } finally {
    bar.finish();
  }
}
