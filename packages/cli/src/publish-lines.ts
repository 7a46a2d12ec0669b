import type { EventsApi, OutgoingEvent, Published } from "@millrace/client-sdk";

import type { CommandContext } from "./command-context.js";
import { linesOf } from "./lines-of.js";

/** Results that may wait to be printed. */
const MAX_UNPRINTED = 10_000;

export interface PublishLinesOptions {
  /** Lines that are no JSON are refused. */
  readonly isJson: boolean;
  /** What is printed for an event that is stored. */
  readonly lineOf: (published: Published) => string;
}

/**
 * Publishes each line of standard input that is not empty as the payload of an event, many at a time, and prints
 * what is stored, in order. Reads no further after a line that is not.
 *
 * @throws what the first of those failed with
 */
export async function publishLines(
  { terminal, signal, input }: CommandContext,
  events: EventsApi,
  event: OutgoingEvent,
  { isJson, lineOf }: PublishLinesOptions,
): Promise<void> {
  const failed = new AbortController();
  await using publisher = events.publisher({ signal });
  let printing = Promise.resolve();
  let unprinted = 0;
  const print = (result: Promise<Published>): void => {
    unprinted += 1;
    result.catch(() => {}); // nobody looks at it behind one that has failed
    printing = printing.then(async () => {
      await terminal.write(lineOf(await result));
      unprinted -= 1;
    });
    printing.catch(() => failed.abort());
  };
  for await (const line of linesOf(input, AbortSignal.any([signal, failed.signal]))) {
    if (line === "") continue;
    if (isJson && !isJsonText(line)) {
      print(Promise.reject(new Error(`not JSON: ${line.slice(0, 80)}`)));
      break;
    }
    print(publisher.publish({ ...event, payload: line }));
    await publisher.ready();
    if (unprinted >= MAX_UNPRINTED) await printing;
  }
  await printing;
  signal.throwIfAborted();
}

function isJsonText(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
