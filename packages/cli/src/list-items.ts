import type { DataApi, DataItem, ListItemsOptions } from "@millrace/client-sdk";

import type { CommandContext } from "./command-context.js";
import { textChunks } from "./text-chunks.js";

/**
 * Lists items as lines, in pieces for writing. After Ctrl-C or a failure it says on standard error how to go on.
 *
 * @throws what the listing failed with
 */
export async function* listItems(
  { terminal, signal }: CommandContext,
  data: DataApi,
  options: ListItemsOptions,
  lineOf: (item: DataItem) => string,
): AsyncGenerator<string, void, undefined> {
  const listing = data.list({ ...options, signal });
  try {
    yield* textChunks(linesOf(listing, lineOf));
  } catch (error) {
    const { position } = listing;
    if (position !== undefined && position !== options.from) terminal.err(`millrace: go on with --from ${position}\n`);
    throw error;
  }
}

async function* linesOf(
  items: AsyncIterable<DataItem>,
  lineOf: (item: DataItem) => string,
): AsyncGenerator<string, void, undefined> {
  for await (const item of items) yield lineOf(item);
}
