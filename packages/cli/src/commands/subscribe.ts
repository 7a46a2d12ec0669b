import type { EventHandler, EventStart, RunningSubscription, SubscriptionReference } from "@millrace/client-sdk";
import { Command } from "commander";

import { type CommandContext, type CommonOptions, withCommonOptions } from "../command-context.js";
import { escapeControls } from "../escape-controls.js";
import { eventOutput } from "../event-output.js";
import { failureLine } from "../failure-line.js";
import { eventStart, integerFrom } from "../option-parsers.js";
import { runOnEvent } from "../run-on-event.js";
import { type SelectionOptions, selectionOf, withSelectionOptions } from "../selection-options.js";

interface SubscribeCommandOptions extends CommonOptions, SelectionOptions {
  readonly create?: boolean;
  readonly from?: EventStart;
  readonly exec?: string;
  readonly concurrency: number;
}

/** `millrace subscribe NAME`: handles the events of a durable subscription. */
export function subscribeCommand(context: CommandContext): Command {
  const command = withSelectionOptions(new Command("subscribe"))
    .description(
      "Handle the events of a durable subscription; each is acknowledged once it is printed, or its command succeeded.",
    )
    .argument("<name>", "name of the subscription; others who use it get other events of it")
    .option("--create", "make it if there is none: of --type, --stream and --filter, beginning with --from")
    .option("--from <position>", "beginning, end, a sequence, or the token of an event (default: end)", eventStart)
    .option("--exec <command>", "shell command to run for each event, with the payload as its standard input")
    .option("--concurrency <count>", "commands that run at a time", integerFrom(1, 1000), 1);
  return withCommonOptions(command).action((name: string, options: SubscribeCommandOptions) => {
    const { create, from, type, stream, filter } = options;
    if (!create && [from, type, stream, filter].some((option) => option !== undefined)) {
      command.error("error: --from, --type, --stream and --filter are for --create");
    }
    return subscribe(context, name, options);
  });
}

async function subscribe(context: CommandContext, name: string, options: SubscribeCommandOptions): Promise<void> {
  const { terminal, signal } = context;
  const { target, exec, concurrency } = options;
  await using client = await context.openClient(target);
  const running = client.events.subscribe(referenceOf(name, options), handlerOf(context, options), {
    concurrency: exec === undefined ? 1 : concurrency,
    onHandlerError: (error, { id }) =>
      terminal.err(failureLine(new Error(`event ${escapeControls(id)}: ${textOf(error)}`))),
  });
  await untilInterrupted(running, signal);
}

function referenceOf(name: string, options: SubscribeCommandOptions): SubscriptionReference {
  if (!options.create) return name;
  const { from } = options;
  return { name, create: { ...selectionOf(options), ...(from !== undefined && { from }) } };
}

function handlerOf({ terminal }: CommandContext, { exec, json }: SubscribeCommandOptions): EventHandler {
  if (exec === undefined) return (event) => terminal.write(eventOutput(event, json));
  return (event, delivery) => runOnEvent(exec, event, delivery, json);
}

/** Ctrl-C is the normal end: what runs is finished and acknowledged. */
async function untilInterrupted(running: RunningSubscription, signal: AbortSignal): Promise<void> {
  const close = (): void => void running.close();
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) close();
  const end = await running.closed;
  signal.removeEventListener("abort", close);
  if (end.type === "failed") throw end.error;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
