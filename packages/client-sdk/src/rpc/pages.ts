import type { CallOptions } from "../options.js";
import { leavable } from "./leavable.js";

/** Options of a listing: those of each of its calls, and how much is fetched at a time. */
export interface PageOptions extends CallOptions {
  /** Default: the server's. */
  readonly pageSize?: number;
}

/** Where a page begins, as every request for one says it. */
export interface PageRequest {
  readonly pageSize: number;
  /** Empty: the first page. */
  readonly pageToken: string;
}

/** One page of a listing. */
export interface Page<T> {
  readonly entries: readonly T[];
  /** Empty: it is the last page. */
  readonly nextPageToken: string;
}

type FetchPage<T> = (page: PageRequest, call: CallOptions) => Promise<Page<T>>;

/** Entries of all pages. Fetches one page at a time, when the loop gets there; holds one page. Each loop begins anew. */
export function entriesOf<T>({ pageSize = 0, ...call }: PageOptions, fetch: FetchPage<T>): AsyncIterable<T> {
  return leavable(call, (each) => entriesOfPages(pageSize, (page) => fetch(page, each)));
}

async function* entriesOfPages<T>(
  pageSize: number,
  fetch: (page: PageRequest) => Promise<Page<T>>,
): AsyncGenerator<T, undefined, undefined> {
  let pageToken = "";
  do {
    const { entries, nextPageToken } = await fetch({ pageSize, pageToken });
    yield* entries;
    pageToken = nextPageToken;
  } while (pageToken !== "");
}
