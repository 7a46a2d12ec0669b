import { describe, expect, it } from "@jest/globals";
import { type PartialMessage, type ProcessRequest, ServiceError, StatusCode } from "@millrace/shared-types";

import { contextOf } from "../files/files-fixture.test.support.js";
import { latch } from "../testing/latch.js";

import {
  inTime,
  openBatchFixture,
  outcomesOf,
  outputsOf,
  run,
  TestProcessor,
  texts,
} from "./batch-fixture.test.support.js";

const HOUR_MS = 3_600_000;

function keyed(key: string, text: string, rest: PartialMessage<ProcessRequest> = {}): PartialMessage<ProcessRequest> {
  return { ...texts(text)[0], idempotencyKey: key, ...rest };
}

describe("an idempotency key", () => {
  it("gives the first outcome to whoever comes with the same content, in whatever batch, and runs nothing", async () => {
    const test = new TestProcessor();
    await using fixture = await openBatchFixture(test);
    const attributes = new Map([
      ["a", "1"],
      ["b", "2"],
    ]);
    await run(fixture, [keyed("k", "x", { attributes, id: "one" })]);
    const other = keyed("k", "x", { attributes: new Map([...attributes].toReversed()), id: "two", orderingKey: "o" });
    const again = await run(fixture, [...texts("y"), other]);
    expect(outputsOf(again)).toEqual(["done y", "done x"]);
    expect(again.results.map(({ index, id, replayed }) => [index, id, replayed])).toEqual([
      [0, "", false],
      [1, "two", true],
    ]);
    expect(test.texts).toEqual(["x", "y"]);
  });

  it.each<[string, PartialMessage<ProcessRequest>]>([
    ["payload", { payload: Buffer.from("y") }],
    ["operation", { operation: "echo" }],
    ["content type", { contentType: "text/plain" }],
    ["attributes", { attributes: new Map([["a", "1"]]) }],
  ])("fails an item that comes with another %s", async (_, change) => {
    const test = new TestProcessor();
    await using fixture = await openBatchFixture(test);
    await run(fixture, [keyed("k", "x")]);
    const { results } = await run(fixture, [keyed("k", "x", change), keyed("k2", "x")]);
    expect(outcomesOf({ results })).toEqual(["failed", "succeeded"]);
    expect(results[0]?.status?.code).toBe(StatusCode.ABORTED);
    expect(test.runs).toHaveLength(2);
  });

  it("belongs to its caller", async () => {
    const test = new TestProcessor();
    await using fixture = await openBatchFixture(test);
    await run(fixture, [keyed("k", "x")], {}, contextOf("alice"));
    const { results } = await run(fixture, [keyed("k", "other")], {}, contextOf("bob"));
    expect(outputsOf({ results })).toEqual(["done other"]);
  });

  it("keeps a failure that no attempt can mend, and forgets one that another may", async () => {
    let failure = new ServiceError("INVALID_FIELD", "never");
    const test = new TestProcessor(() => {
      throw failure;
    });
    await using fixture = await openBatchFixture(test);
    await run(fixture, [keyed("never", "x")]);
    const again = await run(fixture, [keyed("never", "x")]);
    expect(again.results[0]).toMatchObject({ replayed: true, status: { message: "never" } });
    expect(test.runs).toHaveLength(1);
    failure = new ServiceError("BACKEND_UNAVAILABLE", "later");
    await run(fixture, [keyed("later", "x")]);
    await run(fixture, [keyed("later", "x")]);
    expect(test.runs).toHaveLength(3);
  });

  it("lets one item run at a time, in one batch and in two, and the others get its outcome", async () => {
    const began = latch();
    const open = latch();
    const test = new TestProcessor(async () => {
      began.open();
      await open.promise;
      return "once";
    });
    await using fixture = await openBatchFixture(test);
    const first = run(fixture, [keyed("k", "x"), keyed("k", "x"), keyed("k", "x")]);
    const second = run(fixture, [keyed("k", "x")]);
    await began.promise;
    open.open();
    const { results } = { results: [...(await first).results, ...(await second).results] };
    expect(outputsOf({ results })).toEqual(["once", "once", "once", "once"]);
    expect(results.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(test.runs).toHaveLength(1);
  });

  it("is forgotten after 24 hours, also over midnight, and not before", async () => {
    const test = new TestProcessor();
    await using fixture = await openBatchFixture(test);
    await run(fixture, [keyed("k", "x")]);
    fixture.clock.advance(24 * HOUR_MS - 1);
    await run(fixture, [keyed("k", "x")]);
    expect(test.runs).toHaveLength(1);
    fixture.clock.advance(1);
    await run(fixture, [keyed("k", "x")]);
    expect(test.runs).toHaveLength(2);
  });

  it("gives each item a key for the processor: the same in each attempt and each batch, and of no other item", async () => {
    const test = new TestProcessor();
    await using fixture = await openBatchFixture(test);
    const later = new ServiceError("BACKEND_UNAVAILABLE", "later", { retryAfterMs: 0 });
    const flaky = new TestProcessor(({ context }) => {
      if (context.attempt === 1) throw later;
      return "";
    });
    await using second = await openBatchFixture(flaky);
    await inTime(second, run(second, [keyed("k", "x")], { maxAttempts: 2 }), 1);
    await run(fixture, [keyed("k", "x"), keyed("k2", "x"), ...texts("x", "x")], { batchId: "a", maxConcurrency: 1 });
    await run(fixture, texts("x"), { batchId: "b" });
    const keys = test.runs.map(({ context }) => context.idempotencyKey);
    expect(new Set(keys).size).toBe(5);
    expect(flaky.runs.map(({ context }) => context.idempotencyKey)).toEqual([keys[0], keys[0]]);
    expect(keys[0]).toMatch(/^[\w-]{43}$/);
  });
});
