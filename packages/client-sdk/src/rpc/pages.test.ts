import { describe, expect, it } from "@jest/globals";

import type { CallOptions } from "../options.js";
import { type Latch, latch } from "../testing/latch.js";
import { entriesOf, type Page, type PageRequest } from "./pages.js";

const PAGES: Readonly<Record<string, Page<string>>> = {
  "": { entries: ["a", "b"], nextPageToken: "second" },
  second: { entries: [], nextPageToken: "third" },
  third: { entries: ["c"], nextPageToken: "" },
};

/** A listing of three pages, one of them empty, that remembers what it was asked. */
function recordedListing(): { readonly asked: PageRequest[]; fetch(page: PageRequest): Promise<Page<string>> } {
  const asked: PageRequest[] = [];
  const fetch = async (page: PageRequest): Promise<Page<string>> => {
    asked.push(page);
    return PAGES[page.pageToken]!;
  };
  return { asked, fetch };
}

interface PendingListing {
  /** Opens when a page is asked for. */
  readonly asked: Latch;
  /** Opens when the call for it is cancelled. */
  readonly cancelled: Latch;
  fetch(page: PageRequest, call: CallOptions): Promise<Page<string>>;
}

/** A listing whose page does not come. */
function pendingListing(): PendingListing {
  const [asked, cancelled] = [latch(), latch()];
  const fetch = async (_page: PageRequest, { signal }: CallOptions): Promise<never> => {
    signal!.addEventListener("abort", () => cancelled.open());
    asked.open();
    await cancelled.promise;
    throw signal!.reason;
  };
  return { asked, cancelled, fetch };
}

async function all<T>(entries: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const entry of entries) found.push(entry);
  return found;
}

describe("a listing of pages", () => {
  it("gives the entries of all pages in order, over empty ones", async () => {
    const { asked, fetch } = recordedListing();
    expect(await all(entriesOf({ pageSize: 2 }, fetch))).toEqual(["a", "b", "c"]);
    expect(asked).toEqual([
      { pageSize: 2, pageToken: "" },
      { pageSize: 2, pageToken: "second" },
      { pageSize: 2, pageToken: "third" },
    ]);
  });

  it("fetches a page when the loop gets there, and the first one again in another loop", async () => {
    const { asked, fetch } = recordedListing();
    const entries = entriesOf({}, fetch);
    expect(asked).toEqual([]);
    for await (const entry of entries) if (entry === "b") break;
    for await (const entry of entries) if (entry === "a") break;
    expect(asked).toEqual([
      { pageSize: 0, pageToken: "" },
      { pageSize: 0, pageToken: "" },
    ]);
  });

  it("hands the options of the call to each fetch, without those of the listing", async () => {
    const calls: CallOptions[] = [];
    const fetch = async (_page: PageRequest, call: CallOptions): Promise<Page<string>> => {
      calls.push(call);
      return { entries: [], nextPageToken: calls.length < 2 ? "next" : "" };
    };
    await all(entriesOf({ pageSize: 2, timeoutMs: 7 }, fetch));
    expect(calls).toEqual([
      { timeoutMs: 7, signal: expect.any(AbortSignal) },
      { timeoutMs: 7, signal: expect.any(AbortSignal) },
    ]);
  });

  it("ends at once when a loop is left while a page is pending, and cancels its call", async () => {
    const { asked, cancelled, fetch } = pendingListing();
    const iterator = entriesOf({}, fetch)[Symbol.asyncIterator]();
    const next = iterator.next();
    await asked.promise;
    expect(await iterator.return!()).toEqual({ done: true, value: undefined });
    await cancelled.promise;
    expect(await next).toEqual({ done: true, value: undefined });
  });

  it("fails with what a fetch fails with, and is over then", async () => {
    const iterator = entriesOf({}, async () => {
      throw new Error("refused");
    })[Symbol.asyncIterator]();
    await expect(iterator.next()).rejects.toThrow("refused");
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it("cancels a pending call when the signal of the caller is aborted", async () => {
    const { asked, fetch } = pendingListing();
    const caller = new AbortController();
    const iterator = entriesOf({ signal: caller.signal }, fetch)[Symbol.asyncIterator]();
    const next = iterator.next();
    await asked.promise;
    caller.abort(new Error("no longer"));
    await expect(next).rejects.toThrow("no longer");
  });
});
