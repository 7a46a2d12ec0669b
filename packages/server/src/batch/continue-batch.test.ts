import { describe, expect, it } from "@jest/globals";
import { BatchState, GetBatchRequest, type ServiceError, StatusCode } from "@millrace/shared-types";

import { callOf, contextOf } from "../files/files-fixture.test.support.js";
import { latch } from "../testing/latch.js";

import {
  ATOMIC,
  type BatchFixture,
  gathered,
  ItemStream,
  numbered,
  openBatchFixture,
  outcomesOf,
  requestsOf,
  run,
  TestProcessor,
} from "./batch-fixture.test.support.js";
import { cancelBatch } from "./cancel-batch.js";
import { getBatch } from "./get-batch.js";
import { processStream } from "./process-stream.js";

const GONE = new Error("the client is gone");

function describeBatch(fixture: BatchFixture, batchId = "b"): ReturnType<typeof getBatch> {
  return getBatch(GetBatchRequest.fromPartial({ batchId }), contextOf(), fixture.batch);
}

async function stateOf(fixture: BatchFixture, batchId = "b"): Promise<BatchState> {
  return (await describeBatch(fixture, batchId)).state;
}

/** Runs `items` until `count` results have come, and cuts the stream. */
async function runUntil(fixture: BatchFixture, items: number, count: number): Promise<number[]> {
  const call = callOf();
  const stream = processStream(
    requestsOf(numbered(items), { batchId: "b", maxConcurrency: 2 }),
    call.context,
    fixture.batch,
  );
  const indexes: number[] = [];
  try {
    for await (const { kind } of stream) {
      if (kind?.$case === "result") indexes.push(kind.value.index);
      if (indexes.length === count) call.abort(GONE);
    }
  } catch (error) {
    expect(error).toBe(GONE);
  }
  return indexes;
}

describe("a batch whose stream was cut", () => {
  it("is interrupted, and goes on under its id: nothing that has an outcome is run again", async () => {
    const test = new TestProcessor();
    await using fixture = await openBatchFixture(test);
    await runUntil(fixture, 100, 30);
    expect(await stateOf(fixture)).toBe(BatchState.INTERRUPTED);
    const before = test.runs.length;
    expect(before).toBeLessThan(100);
    const { results, summary } = await run(fixture, numbered(100), { batchId: "b" });
    expect(results.filter(({ replayed }) => replayed).length).toBeGreaterThanOrEqual(30);
    expect(outcomesOf({ results })).toEqual(Array<string>(100).fill("succeeded"));
    expect(summary).toMatchObject({ processedCount: 100, successCount: 100 });
    expect(new Set(test.texts).size).toBe(100);
    expect(test.runs).toHaveLength(100);
    expect(await stateOf(fixture)).toBe(BatchState.DONE);
  });

  it("goes on with the items that are left, by their indexes", async () => {
    const test = new TestProcessor();
    await using fixture = await openBatchFixture(test);
    const had = new Set(await runUntil(fixture, 100, 30));
    const left = numbered(100).flatMap((item, index) => (had.has(index) ? [] : [{ ...item, index }]));
    const { results, summary } = await run(fixture, left, { batchId: "b" });
    expect(results.map(({ index }) => index)).toEqual(left.map(({ index }) => index));
    expect(summary).toMatchObject({ processedCount: 100, successCount: 100 });
    expect(test.runs).toHaveLength(100);
  });

  it("is no place for other items", async () => {
    await using fixture = await openBatchFixture(new TestProcessor());
    await run(fixture, numbered(3), { batchId: "b" });
    const others = numbered(4).slice(1);
    await expect(run(fixture, others, { batchId: "b" })).rejects.toMatchObject({ reason: "IDEMPOTENCY_CONFLICT" });
    const { summary } = await run(fixture, others, { batchId: "b" }, contextOf("bob"));
    expect(summary).toMatchObject({ processedCount: 3, successCount: 3 });
  });

  it("gets its outcomes although nobody heard of them", async () => {
    const ran = latch();
    const test = new TestProcessor(async ({ context }) => {
      ran.open();
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      return "in time";
    });
    await using fixture = await openBatchFixture(test);
    const call = callOf();
    const running = gathered(processStream(requestsOf(numbered(1), { batchId: "b" }), call.context, fixture.batch));
    await ran.promise;
    call.abort(GONE);
    await expect(running).rejects.toBe(GONE);
    const { results } = await run(fixture, numbered(1), { batchId: "b" });
    expect(results[0]).toMatchObject({ replayed: true, output: Buffer.from("in time") });
  });
});

describe("a second stream of a batch", () => {
  it("ends the first one, waits for what that runs, and goes on", async () => {
    const began = latch();
    let running = 0;
    let overlaps = 0;
    let isFirst = true;
    const test = new TestProcessor(async ({ context }) => {
      overlaps += running;
      running += 1;
      began.open();
      if (isFirst) await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      if (context.signal.aborted) throw new Error("stopped");
      return "";
    });
    await using fixture = await openBatchFixture(test);
    const requests = new ItemStream({ batchId: "b", maxConcurrency: 1 });
    requests.send(...numbered(2));
    const first = gathered(processStream(requests, contextOf(), fixture.batch));
    first.catch(() => undefined);
    await began.promise;
    isFirst = false;
    const { summary } = await run(fixture, numbered(2), { batchId: "b", maxConcurrency: 1 });
    expect(summary).toMatchObject({ successCount: 2 });
    await expect(first).rejects.toMatchObject({ reason: "CONSUMER_REPLACED" });
    expect(overlaps).toBe(0);
    expect(test.texts).toEqual(["0", "0", "1"]);
  });
});

describe("a stream whose client takes nothing", () => {
  it.each([
    ["and hears that the other one goes on", {}, "CONSUMER_REPLACED"],
    ["and has its results if it was done", ATOMIC, "3 results"],
  ])("does not hold up the next stream of its batch, writes nothing over it, %s", async (_, options, end) => {
    await using fixture = await openBatchFixture();
    const puts = ["a", "b", "c"].map((key) => ({ operation: "dataset.put", attributes: new Map([["key", key]]) }));
    const first = processStream(requestsOf(puts, { batchId: "b", ...options }), contextOf(), fixture.batch);
    await first.next();
    while ((await describeBatch(fixture)).summary?.successCount !== 3) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    const more = [...puts, { operation: "echo" }];
    const { summary } = await run(fixture, more, { batchId: "b" });
    expect(summary).toMatchObject({ processedCount: 4, successCount: 4 });
    expect(await endOf(first)).toBe(end);
    expect((await describeBatch(fixture)).summary).toMatchObject({ processedCount: 4, successCount: 4 });
  });
});

/** What came of a stream of which one result has been taken. */
async function endOf(stream: ReturnType<typeof processStream>): Promise<string> {
  try {
    return `${String((await gathered(stream)).results.length + 1)} results`;
  } catch (error) {
    return (error as ServiceError).reason ?? "";
  }
}

describe("CancelBatch", () => {
  it("lets what runs come to its end and skips the rest, whenever it comes", async () => {
    const began = latch();
    const open = latch();
    const test = new TestProcessor(async () => {
      began.open();
      await open.promise;
      return "";
    });
    await using fixture = await openBatchFixture(test);
    const requests = new ItemStream({ batchId: "b", maxConcurrency: 1 });
    requests.send(...numbered(3));
    const running = gathered(processStream(requests, contextOf(), fixture.batch));
    await began.promise;
    expect(await stateOf(fixture)).toBe(BatchState.RUNNING);
    await cancelBatch({ batchId: "b" }, contextOf(), fixture.batch);
    expect(await stateOf(fixture)).toBe(BatchState.CANCELLED);
    open.open();
    requests.send(...numbered(1));
    requests.halfClose();
    const { results, summary } = await running;
    expect(outcomesOf({ results })).toEqual(["succeeded", "skipped", "skipped", "skipped"]);
    expect(results[1]?.status).toMatchObject({ code: StatusCode.ABORTED, message: "not run: the batch was cancelled" });
    expect(summary).toMatchObject({ successCount: 1, skippedCount: 3 });
    expect(await stateOf(fixture)).toBe(BatchState.CANCELLED);
  });

  it("cancels an interrupted batch for good, and leaves one that is done as it is", async () => {
    const test = new TestProcessor();
    await using fixture = await openBatchFixture(test);
    await runUntil(fixture, 100, 1);
    const { summary } = await cancelBatch({ batchId: "b" }, contextOf(), fixture.batch);
    const had = test.runs.length;
    expect(summary?.processedCount).toBe(had);
    const rest = await run(fixture, numbered(100), { batchId: "b" });
    expect(rest.summary).toMatchObject({ successCount: had, skippedCount: 100 - had });
    expect(test.runs).toHaveLength(had);
    await run(fixture, numbered(1), { batchId: "done" });
    await cancelBatch({ batchId: "done" }, contextOf(), fixture.batch);
    expect(await stateOf(fixture, "done")).toBe(BatchState.DONE);
    const unknown = cancelBatch({ batchId: "nope" }, contextOf(), fixture.batch);
    await expect(unknown).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
  });
});

describe("a drain", () => {
  it("lets what runs come to its end and answers it, starts nothing more, and says that another stream goes on", async () => {
    const began = latch();
    const open = latch();
    const test = new TestProcessor(async () => {
      began.open();
      await open.promise;
      return "";
    });
    await using fixture = await openBatchFixture(test);
    const drain = new AbortController();
    const context = { ...contextOf(), draining: drain.signal };
    const stream = processStream(requestsOf(numbered(3), { batchId: "b", maxConcurrency: 1 }), context, fixture.batch);
    const first = stream.next();
    await began.promise;
    drain.abort();
    open.open();
    expect((await first).value).toMatchObject({ kind: { value: { index: 0 } } });
    await expect(stream.next()).rejects.toMatchObject({ reason: "DRAINING" });
    expect(test.texts).toEqual(["0"]);
    expect(await stateOf(fixture)).toBe(BatchState.INTERRUPTED);
  });
});
