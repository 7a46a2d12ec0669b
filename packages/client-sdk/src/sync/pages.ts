import { PullIterator } from "../rpc/pull-iterator.js";
import { checkListOptions } from "./check-sync-options.js";
import type { ListSyncOptions } from "./types.js";

/** One page of a listing. */
export interface Page<T> {
  readonly entries: readonly T[];
  readonly nextPageToken: string;
}

type Fetch<T> = (
  page: { readonly pageSize: number; readonly pageToken: string },
  call: ListSyncOptions,
) => Promise<Page<T>>;

/** Entries of all pages. Fetches one page at a time, when the loop gets there; holds one page. Each loop begins anew. */
export function entriesOf<T>(options: ListSyncOptions, fetch: Fetch<T>): AsyncIterable<T> {
  checkListOptions(options);
  return {
    [Symbol.asyncIterator]() {
      const left = new AbortController();
      const signal = options.signal ? AbortSignal.any([options.signal, left.signal]) : left.signal;
      const entries = entriesOfPages({ ...options, signal }, fetch);
      return new PullIterator(
        async () => (await entries.next()).value,
        () => left.abort(),
      );
    },
  };
}

async function* entriesOfPages<T>(
  { pageSize = 0, ...call }: ListSyncOptions,
  fetch: Fetch<T>,
): AsyncGenerator<T, undefined, undefined> {
  let pageToken = "";
  do {
    const page = await fetch({ pageSize, pageToken }, call);
    yield* page.entries;
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}
