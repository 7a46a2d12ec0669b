import { describe, expect, it } from "@jest/globals";
import {
  BatchState,
  GetBatchRequest,
  ListBatchResultsRequest,
  type ProcessResult,
  toDate,
} from "@millrace/shared-types";

import { contextOf } from "../files/files-fixture.test.support.js";

import {
  type BatchFixture,
  numbered,
  openBatchFixture,
  run,
  TestProcessor,
  texts,
} from "./batch-fixture.test.support.js";
import { collectionsOf } from "./batch-record.js";
import { cancelBatch } from "./cancel-batch.js";
import { getBatch } from "./get-batch.js";
import { listBatchResults } from "./list-batch-results.js";
import { listProcessors } from "./list-processors.js";
import { defineProcessor } from "./processor.js";
import { sweep } from "./upkeep.js";

const DAY_MS = 86_400_000;

function describeBatch(fixture: BatchFixture, batchId: string, owner?: string): ReturnType<typeof getBatch> {
  return getBatch(GetBatchRequest.fromPartial({ batchId }), contextOf(owner), fixture.batch);
}

async function pagesOf(fixture: BatchFixture, fields: Partial<ListBatchResultsRequest>): Promise<ProcessResult[][]> {
  const pages: ProcessResult[][] = [];
  for (let pageToken = ""; ;) {
    const request = ListBatchResultsRequest.fromPartial({ batchId: "b", pageToken, ...fields });
    const page = await listBatchResults(request, contextOf(), fixture.batch);
    pages.push(page.results);
    if (page.nextPageToken === "") return pages;
    pageToken = page.nextPageToken;
  }
}

function everyThirdFails(): TestProcessor {
  return new TestProcessor(({ text }) => {
    if (Number(text) % 3 === 0) throw new Error("no");
    return `done ${text}`;
  });
}

describe("GetBatch", () => {
  it("gives totals, state and times to the one whose batch it is", async () => {
    await using fixture = await openBatchFixture(everyThirdFails());
    const beganAt = fixture.clock.now();
    await run(fixture, numbered(6), { batchId: "b" });
    const { summary, state, createTime, expireTime } = await describeBatch(fixture, "b");
    expect(summary).toMatchObject({ processedCount: 6, successCount: 4, failureCount: 2, batchId: "b", results: [] });
    expect(state).toBe(BatchState.DONE);
    expect(createTime && toDate(createTime).getTime()).toBe(beganAt);
    expect(expireTime && toDate(expireTime).getTime()).toBeGreaterThanOrEqual(beganAt + DAY_MS);
    await expect(describeBatch(fixture, "b", "bob")).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
    await expect(describeBatch(fixture, "")).rejects.toMatchObject({ reason: "INVALID_FIELD" });
    await expect(describeBatch(fixture, "x".repeat(256))).rejects.toMatchObject({ reason: "LIMIT_EXCEEDED" });
  });
});

describe("ListBatchResults", () => {
  it("pages through all results in order of index, or only through failures", async () => {
    await using fixture = await openBatchFixture(everyThirdFails());
    await run(fixture, numbered(1), { batchId: "a" });
    await run(fixture, numbered(25), { batchId: "b" });
    await run(fixture, numbered(1), { batchId: "c" });
    const all = await pagesOf(fixture, { pageSize: 10 });
    expect(all.map(({ length }) => length)).toEqual([10, 10, 5]);
    expect(all.flat().map(({ index }) => index)).toEqual(Array.from({ length: 25 }, (_, n) => n));
    expect(Buffer.from(all[0]?.[1]?.output ?? []).toString()).toBe("done 1");
    const failures = await pagesOf(fixture, { pageSize: 4, failuresOnly: true });
    expect(failures.flat().map(({ index }) => index)).toEqual([0, 3, 6, 9, 12, 15, 18, 21, 24]);
    expect(failures[0]).toHaveLength(4);
  });

  it("makes pages that a message can hold", async () => {
    const test = new TestProcessor(() => "x".repeat(400_000));
    await using fixture = await openBatchFixture(test);
    await run(fixture, numbered(5), { batchId: "b" });
    expect((await pagesOf(fixture, {})).map(({ length }) => length)).toEqual([2, 2, 1]);
  });

  it("takes a page token only for the listing that it is of", async () => {
    await using fixture = await openBatchFixture(everyThirdFails());
    await run(fixture, numbered(9), { batchId: "b" });
    await run(fixture, numbered(9), { batchId: "c" });
    const request = ListBatchResultsRequest.fromPartial({ batchId: "b", pageSize: 1 });
    const { nextPageToken: pageToken } = await listBatchResults(request, contextOf(), fixture.batch);
    for (const other of [{ batchId: "c" }, { failuresOnly: true }, { pageToken: `${pageToken}x` }]) {
      const listing = listBatchResults({ ...request, pageToken, ...other }, contextOf(), fixture.batch);
      await expect(listing).rejects.toMatchObject({ reason: "INVALID_CURSOR" });
    }
    const negative = listBatchResults({ ...request, pageSize: -1 }, contextOf(), fixture.batch);
    await expect(negative).rejects.toMatchObject({ reason: "INVALID_FIELD" });
  });
});

describe("ListProcessors", () => {
  it("lists what is built in and what was registered, by name", async () => {
    const echo = defineProcessor({ description: "Mine.", idempotent: true, run: () => "mine" });
    const zip = defineProcessor({ description: "Packs.", run: (payload) => payload });
    await using fixture = await openBatchFixture({ processors: { echo, zip } });
    const { processors } = await listProcessors({}, contextOf(), fixture.batch);
    expect(processors.map(({ name, supportsAtomic, idempotent }) => [name, supportsAtomic, idempotent])).toEqual([
      ["dataset.put", true, true],
      ["echo", false, true],
      ["event.publish", false, true],
      ["sha256", false, true],
      ["zip", false, false],
    ]);
    const { results } = await run(fixture, [{ operation: "echo" }]);
    expect(Buffer.from(results[0]?.output ?? []).toString()).toBe("mine");
  });

  it("has no place for a name that is none", async () => {
    const zip = defineProcessor({ description: "Packs.", run: (payload) => payload });
    await expect(openBatchFixture({ processors: { "no good": zip } })).rejects.toThrow(/processors: "no good"/);
  });
});

describe("what is older than 24 hours", () => {
  it("goes with its day, but for batches that still have a stream", async () => {
    await using fixture = await openBatchFixture(new TestProcessor());
    const sizeOf = async (): Promise<number> => {
      const days = [0, 1, 2].map((ago) => Math.floor(fixture.clock.now() / DAY_MS) - ago);
      const sizes = await Promise.all(days.flatMap(collectionsOf).map((name) => fixture.items.size(name)));
      return sizes.reduce((sum, { rows }) => sum + rows, 0);
    };
    await run(fixture, [{ ...texts("x")[0], idempotencyKey: "k" }], { batchId: "b" });
    expect(await sizeOf()).toBe(3);
    fixture.clock.advance(DAY_MS);
    await sweep(fixture.batch);
    expect((await describeBatch(fixture, "b")).state).toBe(BatchState.DONE);
    fixture.clock.advance(DAY_MS);
    await expect(describeBatch(fixture, "b")).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
    fixture.batch.live.add("x", { record: { day: Math.floor(fixture.clock.now() / DAY_MS) - 2 } } as never);
    await sweep(fixture.batch);
    expect(await sizeOf()).toBe(3);
    fixture.batch.live.remove("x", fixture.batch.live.get("x") as never);
    await sweep(fixture.batch);
    expect(await sizeOf()).toBe(0);
    const { summary } = await run(fixture, texts("other"), { batchId: "b" });
    expect(summary).toMatchObject({ processedCount: 1, successCount: 1 });
    const cancelled = cancelBatch({ batchId: "never" }, contextOf(), fixture.batch);
    await expect(cancelled).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
  });
});
