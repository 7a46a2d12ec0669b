import { describe, expect, it } from "@jest/globals";
import { type ProcessRequest, ServiceError, StatusCode } from "@millrace/shared-types";

import { contextOf } from "../files/files-fixture.test.support.js";

import {
  ATOMIC,
  type BatchFixture,
  numbered,
  openBatchFixture,
  outcomesOf,
  run,
  STOP,
  TestProcessor,
  texts,
} from "./batch-fixture.test.support.js";

function put(key: string, text = key, rest: object = {}): Partial<ProcessRequest> {
  return { operation: "dataset.put", payload: Buffer.from(text), attributes: new Map([["key", key]]), ...rest };
}

async function stored({ items, data }: BatchFixture): Promise<string[]> {
  const dataset = JSON.parse((await data.records.get("datasets", "default"))?.value ?? "{}") as { collection: string };
  const { rows } = await items.scan({ collection: dataset.collection, maxRows: 1000, maxBytes: 1e9 });
  return rows.map(({ key }) => key);
}

describe("a batch that stops at a failure", () => {
  it("skips all that has not begun, and counts it", async () => {
    const test = new TestProcessor(({ text }) => {
      if (text === "3") throw new ServiceError("INVALID_FIELD", "no");
      return "";
    });
    await using fixture = await openBatchFixture(test);
    const { results, summary } = await run(fixture, numbered(10), { ...STOP, maxConcurrency: 1, batchId: "b" });
    expect(outcomesOf({ results })).toEqual([
      ...Array<string>(3).fill("succeeded"),
      "failed",
      ...Array<string>(6).fill("skipped"),
    ]);
    expect(results[9]?.status).toMatchObject({ code: StatusCode.ABORTED, message: "not run: another item failed" });
    expect(summary).toMatchObject({ processedCount: 10, successCount: 3, failureCount: 1, skippedCount: 6 });
    const again = await run(fixture, numbered(12), { ...STOP, batchId: "b" });
    expect(outcomesOf(again)).toEqual([...outcomesOf({ results }), "skipped", "skipped"]);
    expect(test.runs).toHaveLength(4);
  });

  it("runs the others without the policy", async () => {
    const test = new TestProcessor(({ text }) => {
      if (text === "3") throw new ServiceError("INVALID_FIELD", "no");
      return "";
    });
    await using fixture = await openBatchFixture(test);
    const { summary } = await run(fixture, numbered(10));
    expect(summary).toMatchObject({ successCount: 9, failureCount: 1, skippedCount: 0 });
  });
});

describe("an atomic batch", () => {
  it("makes all changes in one commit, together with their outcomes", async () => {
    await using fixture = await openBatchFixture();
    const commit = fixture.items.commit.bind(fixture.items);
    const commits: number[] = [];
    fixture.items.commit = async (mutations, options) => {
      const puts = mutations.filter(({ collection }) => collection.startsWith("data/")).length;
      const results = mutations.filter(({ collection }) => collection.startsWith("batch/results/")).length;
      if (puts + results > 0) commits.push(puts, results);
      return commit(mutations, options);
    };
    const { results, summary } = await run(fixture, [put("a"), put("b"), put("c")], ATOMIC);
    expect(outcomesOf({ results })).toEqual(["succeeded", "succeeded", "succeeded"]);
    expect(summary).toMatchObject({ successCount: 3 });
    expect(commits).toEqual([3, 3]);
    expect(await stored(fixture)).toEqual(["a", "b", "c"]);
  });

  it("changes nothing if one item fails, and says which", async () => {
    await using fixture = await openBatchFixture();
    const { results } = await run(fixture, [put("a"), put("", "no key"), put("c")], { ...ATOMIC, batchId: "b" });
    expect(outcomesOf({ results })).toEqual(["skipped", "failed", "skipped"]);
    expect(results[1]?.status?.message).toBe("attributes.key: must be set");
    expect(results[0]?.status?.message).toBe("not made: another item of the batch failed");
    expect(await stored(fixture)).toEqual([]);
    const again = await run(fixture, [put("a"), put("", "no key"), put("c")], { ...ATOMIC, batchId: "b" });
    expect(again.results.map(({ replayed }) => replayed)).toEqual([true, true, true]);
    expect(outcomesOf(again)).toEqual(["skipped", "failed", "skipped"]);
  });

  it("is refused before any item runs if one of its processors cannot do it", async () => {
    const test = new TestProcessor();
    await using fixture = await openBatchFixture(test);
    const running = run(fixture, [put("a"), ...texts("x")], ATOMIC);
    await expect(running).rejects.toMatchObject({ reason: "FEATURE_DISABLED" });
    expect(test.runs).toEqual([]);
    expect(await stored(fixture)).toEqual([]);
  });

  it("takes part in idempotency keys", async () => {
    await using fixture = await openBatchFixture();
    await run(fixture, [put("a", "1", { idempotencyKey: "ka" })]);
    const twice = [put("b", "2", { idempotencyKey: "kb" }), put("b", "2", { idempotencyKey: "kb" })];
    expect(outcomesOf(await run(fixture, twice, ATOMIC))).toEqual(["skipped", "failed"]);
    const both = [put("a", "1", { idempotencyKey: "ka" }), put("b", "2", { idempotencyKey: "kb" })];
    const first = await run(fixture, both, ATOMIC);
    expect(first.results.map(({ replayed }) => replayed)).toEqual([true, false]);
    const other = await run(fixture, [put("b", "other", { idempotencyKey: "kb" }), put("c")], ATOMIC);
    expect(outcomesOf(other)).toEqual(["failed", "skipped"]);
    expect(await stored(fixture)).toEqual(["a", "b"]);
  });

  it.each([
    ["items", Array.from({ length: 10_001 }, (_, n) => put(String(n)))],
    ["bytes", Array.from({ length: 4 }, (_, n) => put(String(n), "x".repeat(1024 * 1024)))],
    [
      "bytes, attributes too",
      Array.from({ length: 400 }, (_, n) => put(String(n), "", { attributes: new Map([["a", "x".repeat(8000)]]) })),
    ],
  ])("has a bound on its %s", async (_, items) => {
    await using fixture = await openBatchFixture();
    await expect(run(fixture, items, ATOMIC)).rejects.toMatchObject({ reason: "LIMIT_EXCEEDED" });
    expect(await stored(fixture)).toEqual([]);
  });
});

describe("a dry run", () => {
  it("looks at each item and runs none, and leaves nothing behind", async () => {
    const test = new TestProcessor();
    await using fixture = await openBatchFixture(test);
    const items = [put("a"), put("", "no key"), { operation: "event.publish" }, { operation: "nope" }, ...texts("x")];
    const { results, summary } = await run(fixture, items, { validateOnly: true, batchId: "b" });
    expect(outcomesOf({ results })).toEqual(["skipped", "failed", "failed", "failed", "skipped"]);
    expect(results[0]?.status).toMatchObject({ code: StatusCode.OK });
    expect(results[2]?.status?.message).toBe("attributes.type: must be set");
    expect(summary).toMatchObject({ processedCount: 5, failureCount: 3, skippedCount: 2, batchId: "" });
    expect(test.runs).toEqual([]);
    expect(await stored(fixture)).toEqual([]);
    const real = await run(fixture, [put("a"), ...texts("other")], { batchId: "b" }, contextOf());
    expect(outcomesOf(real)).toEqual(["succeeded", "succeeded"]);
  });
});
