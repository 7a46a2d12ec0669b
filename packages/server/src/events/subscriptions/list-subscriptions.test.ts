import { describe, expect, it } from "@jest/globals";

import { contextOf } from "../../files/files-fixture.test.support.js";

import { listSubscriptions } from "./list-subscriptions.js";
import type { SubscriptionsFixture } from "./subscriptions-fixture.test.support.js";
import { create, openFixture } from "./subscriptions-fixture.test.support.js";

/** Names on each page. */
async function pages({ deps }: SubscriptionsFixture, pageSize: number): Promise<string[][]> {
  const names: string[][] = [];
  for (let pageToken = ""; ;) {
    const page = await listSubscriptions({ pageSize, pageToken }, contextOf(), deps);
    names.push(page.subscriptions.map(({ name }) => name));
    pageToken = page.nextPageToken;
    if (pageToken === "") return names;
  }
}

describe("ListSubscriptions", () => {
  it("lists all in order of name, page by page", async () => {
    await using fixture = await openFixture();
    expect(await pages(fixture, 2)).toEqual([[]]);
    for (const name of ["b", "a", "C", "d"]) await create(fixture, { name });
    expect(await pages(fixture, 0)).toEqual([["C", "a", "b", "d"]]);
    expect(await pages(fixture, 3)).toEqual([["C", "a", "b"], ["d"]]);
    expect(await pages(fixture, 4)).toEqual([["C", "a", "b", "d"]]);
  });

  it("refuses a token that is not its own, and a negative size", async () => {
    await using fixture = await openFixture();
    const foreign = fixture.deps.pageTokens.tokenFor("a", "files");
    await expect(
      listSubscriptions({ pageSize: 1, pageToken: foreign }, contextOf(), fixture.deps),
    ).rejects.toMatchObject({ reason: "INVALID_CURSOR" });
    await expect(pages(fixture, -1)).rejects.toMatchObject({ reason: "INVALID_FIELD" });
  });
});
