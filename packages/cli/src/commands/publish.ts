import type { Readable } from "node:stream";

import type { OutgoingEvent, Published } from "@millrace/client-sdk";
import { Command } from "commander";

import { type CommandContext, type CommonOptions, withCommonOptions } from "../command-context.js";
import { escapeControls } from "../escape-controls.js";
import { collectPair } from "../option-parsers.js";
import { publishLines } from "../publish-lines.js";

/** What is read for one event, in bytes: more than any server takes. */
const MAX_PAYLOAD_BYTES = 16 * 1024 * 1024;

interface PublishCommandOptions extends CommonOptions, Pick<OutgoingEvent, "id" | "stream" | "key" | "contentType"> {
  readonly data?: string;
  readonly lines?: boolean;
  readonly ndjson?: boolean;
  readonly attribute?: Readonly<Record<string, string>>;
}

/** `millrace publish TYPE`: prints sequence and id once the event is durable. */
export function publishCommand(context: CommandContext): Command {
  const command = new Command("publish")
    .description("Publish an event, or many: one for each line of standard input.")
    .argument("<type>", "such as order.created")
    .option("--data <text>", "payload, or - for standard input (default: empty)")
    .option("--lines", "each line of standard input is the payload of an event")
    .option("--ndjson", "the same, and each line is JSON")
    .option("--id <id>", "an event that the stream has under this id already is not stored again")
    .option("--stream <name>", "stream to append to (default: default)")
    .option("--key <key>", "compaction key")
    .option("--content-type <type>", "media type of the payload")
    .option("--attribute <key=value>", "free attribute (repeatable)", collectPair);
  return withCommonOptions(command).action((type: string, options: PublishCommandOptions) => {
    const { data, lines, ndjson, id } = options;
    const isMany = lines === true || ndjson === true;
    if (isMany && (data !== undefined || id !== undefined)) {
      command.error("error: --data and --id are for one event, not for --lines or --ndjson");
    }
    return isMany ? publishMany(context, type, options) : publishOne(context, type, options);
  });
}

async function publishOne(context: CommandContext, type: string, options: PublishCommandOptions): Promise<void> {
  const { terminal, signal, input, openClient } = context;
  const { target, json, id } = options;
  const payload = options.data === "-" ? await allOf(input) : (options.data ?? "");
  await using client = await openClient(target);
  const event = { ...eventOf(type, options), payload, ...(id !== undefined && { id }) };
  terminal.out(publishedLine(await client.events.publish(event, { signal }), json));
}

async function publishMany(context: CommandContext, type: string, options: PublishCommandOptions): Promise<void> {
  const { target, json, ndjson, contentType = ndjson ? "application/json" : undefined } = options;
  const event = { ...eventOf(type, options), ...(contentType !== undefined && { contentType }) };
  await using client = await context.openClient(target);
  await publishLines(context, client.events, event, {
    isJson: ndjson === true,
    lineOf: (published) => publishedLine(published, json),
  });
}

function eventOf(type: string, { stream, key, contentType, attribute }: PublishCommandOptions): OutgoingEvent {
  return {
    type,
    ...(stream !== undefined && { stream }),
    ...(key !== undefined && { key }),
    ...(contentType !== undefined && { contentType }),
    ...(attribute && { attributes: attribute }),
  };
}

function publishedLine({ id, sequence }: Published, json: boolean | undefined): string {
  return `${json ? JSON.stringify({ id, sequence }) : `${String(sequence)}  ${escapeControls(id)}`}\n`;
}

async function allOf(input: Readable): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of input as AsyncIterable<Buffer | string>) {
    parts.push(Buffer.from(part));
    bytes += parts.at(-1)?.byteLength ?? 0;
    if (bytes > MAX_PAYLOAD_BYTES) throw new Error(`the payload is larger than ${String(MAX_PAYLOAD_BYTES)} bytes`);
  }
  return Buffer.concat(parts);
}
