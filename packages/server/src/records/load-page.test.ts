import { describe, expect, it } from "@jest/globals";

import type { Page } from "./load-page.js";
import { loadPage, MAX_PAGE_BYTES } from "./load-page.js";

interface Entry {
  readonly key: string;
  /** Of its item; `undefined`: the item is gone. */
  readonly bytes: number | undefined;
}

function entries(...sizes: readonly (number | undefined)[]): Entry[] {
  return sizes.map((bytes, index) => ({ key: String(index).padStart(4, "0"), bytes }));
}

function load(found: readonly Entry[], limit: number): Promise<Page<number>> {
  return loadPage(found, { limit, load: async ({ bytes }) => bytes, bytesOf: (bytes) => bytes });
}

/** Items of all pages, each page as one array. */
async function allPages(found: readonly Entry[], limit: number): Promise<(readonly number[])[]> {
  const pages: (readonly number[])[] = [];
  for (let after = ""; ;) {
    const left = found.filter(({ key }) => key > after).slice(0, limit + 1);
    const { items, nextAfter } = await load(left, limit);
    pages.push(items);
    if (nextAfter === undefined) return pages;
    after = nextAfter;
  }
}

describe("a page", () => {
  it("has at most the asked number of items, and says where the next one begins only if there is one", async () => {
    expect(await load(entries(1, 2, 3), 2)).toEqual({ items: [1, 2], nextAfter: "0001" });
    expect(await load(entries(1, 2), 2)).toEqual({ items: [1, 2], nextAfter: undefined });
    expect(await load([], 2)).toEqual({ items: [], nextAfter: undefined });
  });

  it("ends before the item that would make it larger than a message, and the next goes on there", async () => {
    const half = MAX_PAGE_BYTES / 2;
    expect(await allPages(entries(half, half, 1, half, half), 10)).toEqual([[half, half], [1, half], [half]]);
    expect(await allPages(entries(...Array<number>(205).fill(MAX_PAGE_BYTES / 64)), 100)).toEqual(
      [64, 64, 64, 13].map((count) => Array<number>(count).fill(MAX_PAGE_BYTES / 64)),
    );
  });

  it("has one item at least, however large that is", async () => {
    const huge = 2 * MAX_PAGE_BYTES;
    expect(await allPages(entries(huge, huge, 1), 10)).toEqual([[huge], [huge], [1]]);
  });

  it("passes over items that are gone, also where it ends", async () => {
    const gone = undefined;
    expect(await allPages(entries(gone, 1, gone, MAX_PAGE_BYTES, gone, gone), 10)).toEqual([[1], [MAX_PAGE_BYTES]]);
    expect(await allPages(entries(1, gone, gone, gone, 2), 2)).toEqual([[1], [], [2]]);
  });
});
