import type { EventsApi, WatchOptions } from "@millrace/client-sdk";

import type { CommandContext } from "./command-context.js";
import { eventOutput } from "./event-output.js";

/**
 * Prints events as they come, at the pace at which they are read. Ctrl-C is the normal end of it. Says on standard
 * error how to go on after it, or after a failure.
 */
export async function followEvents(
  { terminal, signal }: CommandContext,
  events: EventsApi,
  options: WatchOptions,
  json: boolean | undefined,
): Promise<void> {
  const watch = events.watch({ ...options, signal });
  try {
    for await (const event of watch) await terminal.write(eventOutput(event, json));
  } catch (error) {
    const { position } = watch;
    if (position !== undefined && position !== options.from) terminal.err(`millrace: go on with --from ${position}\n`);
    if (!signal.aborted) throw error;
  }
}
