import type { EventSelection } from "@millrace/client-sdk";
import type { Command } from "commander";

import { collect } from "./option-parsers.js";

/** Options that select events. */
export interface SelectionOptions {
  readonly type?: readonly string[];
  readonly stream?: readonly string[];
  readonly filter?: string;
}

/** Adds the options that select events. */
export function withSelectionOptions(command: Command): Command {
  return command
    .option("--type <type>", "only this type; order.* means all that begin with order. (repeatable)", collect)
    .option("--stream <name>", "only this stream; orders/* works in the same way (repeatable)", collect)
    .option("--filter <cel>", "only events for which this CEL expression over event and payload is true");
}

/** What the options select. */
export function selectionOf({ type, stream, filter }: SelectionOptions): EventSelection {
  return {
    ...(type && { types: type }),
    ...(stream && { streams: stream }),
    ...(filter !== undefined && { filter }),
  };
}
