import { describe, expect, it } from "@jest/globals";
import {
  type PartialMessage,
  ProcessOutcome,
  ProcessStreamRequest,
  ServiceError,
  StatusCode,
} from "@millrace/shared-types";

import { callOf, contextOf } from "../files/files-fixture.test.support.js";
import { latch } from "../testing/latch.js";

import {
  gathered,
  ItemStream,
  numbered,
  openBatchFixture,
  outcomesOf,
  outputsOf,
  requestsOf,
  run,
  TestProcessor,
  texts,
} from "./batch-fixture.test.support.js";
import { processStream } from "./process-stream.js";

describe("ProcessStream", () => {
  it("answers each item with its own status, and at the end with the totals", async () => {
    const test = new TestProcessor(({ text }) => {
      if (text === "bad") throw new ServiceError("INVALID_FIELD", "bad one");
      return text.toUpperCase();
    });
    await using fixture = await openBatchFixture(test);
    const items = [
      ...texts("a", "bad"),
      { operation: "nope" },
      { operation: "echo", id: "e", payload: Buffer.from("x") },
    ];
    const { results, summary } = await run(fixture, items);
    expect(outcomesOf({ results })).toEqual(["succeeded", "failed", "failed", "succeeded"]);
    expect(outputsOf({ results })).toEqual(["A", "", "", "x"]);
    expect(results.map(({ index, id, attempts }) => [index, id, attempts])).toEqual([
      [0, "", 1],
      [1, "", 1],
      [2, "", 0],
      [3, "e", 1],
    ]);
    expect(results[1]?.status).toMatchObject({ code: StatusCode.INVALID_ARGUMENT, message: "bad one" });
    expect(results[2]?.status?.message).toBe('operation: "nope" is none that this server has');
    expect(summary).toMatchObject({
      processedCount: 4,
      successCount: 2,
      failureCount: 2,
      skippedCount: 0,
      results: [],
    });
    expect(summary?.batchId).toHaveLength(32);
  });

  it("gives the first result before the last item has come", async () => {
    await using fixture = await openBatchFixture(new TestProcessor());
    const requests = new ItemStream();
    const stream = processStream(requests, contextOf(), fixture.batch);
    requests.send(...texts("first"));
    const step = await stream.next();
    expect(step.value).toMatchObject({ kind: { $case: "result", value: { index: 0 } } });
    requests.send(...texts("last"));
    requests.halfClose();
    expect(outcomesOf(await gathered(stream))).toEqual(["succeeded"]);
  });

  it("runs at most max_concurrency items at a time, and as many if there are so many", async () => {
    let running = 0;
    let most = 0;
    const test = new TestProcessor(async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return "";
    });
    await using fixture = await openBatchFixture(test);
    await run(fixture, numbered(100), { maxConcurrency: 5 });
    expect(most).toBe(5);
    await run(fixture, numbered(100));
    expect(most).toBe(8);
    expect(test.runs).toHaveLength(200);
  });

  it("keeps the order of the stream with a concurrency of 1", async () => {
    const test = new TestProcessor();
    await using fixture = await openBatchFixture(test);
    await run(fixture, numbered(50), { maxConcurrency: 1 });
    expect(test.texts).toEqual(Array.from({ length: 50 }, (_, n) => String(n)));
  });

  it.each([
    ["items", numbered(5000), 2048],
    ["bytes", Array.from({ length: 100 }, () => ({ operation: "echo", payload: Buffer.alloc(100_000) })), 42],
  ])("reads no further than it may hold when nobody takes results (%s)", async (_, items, most) => {
    await using fixture = await openBatchFixture(new TestProcessor());
    const requests = new ItemStream();
    requests.send(...items);
    requests.halfClose();
    const call = callOf();
    const stream = processStream(requests, call.context, fixture.batch);
    await stream.next();
    for (let reads = -1; reads !== requests.reads;) {
      ({ reads } = requests);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    // The options, one item whose result was taken, and the one behind the last that is held.
    expect(requests.reads).toBeGreaterThan(most - 2);
    expect(requests.reads).toBeLessThanOrEqual(most + 3);
    const { summary } = await gathered(stream);
    expect(summary?.successCount).toBe(items.length);
  });

  it("leaves out outputs if asked to, but not where they are listed", async () => {
    await using fixture = await openBatchFixture(new TestProcessor());
    expect(outputsOf(await run(fixture, texts("a"), { omitOutputs: true, batchId: "b" }))).toEqual([""]);
    expect(outputsOf(await run(fixture, texts("a"), { batchId: "b" }))).toEqual(["done a"]);
  });

  it("answers a stream without messages with zeros", async () => {
    await using fixture = await openBatchFixture();
    const nothing = (async function* (): AsyncGenerator<ProcessStreamRequest> {})();
    const { results, summary } = await gathered(processStream(nothing, contextOf(), fixture.batch));
    expect(results).toEqual([]);
    expect(summary).toMatchObject({ processedCount: 0, batchId: "" });
  });

  it("says what is wrong with an item in its status, and goes on", async () => {
    await using fixture = await openBatchFixture(new TestProcessor());
    const long = "x".repeat(256);
    const wrong: readonly [string, object][] = [
      ["id", { id: long }],
      ["ordering_key", { orderingKey: long }],
      ["idempotency_key", { idempotencyKey: long }],
      ["payload", { payload: Buffer.alloc(1024 * 1024 + 1) }],
      ["attributes", { attributes: new Map([["a", "x".repeat(16 * 1024)]]) }],
    ];
    const { results } = await run(fixture, [
      ...wrong.map(([, item]) => ({ operation: "test", ...item })),
      ...texts("ok"),
    ]);
    for (const [index, [field]] of wrong.entries()) {
      expect(results[index]).toMatchObject({
        outcome: ProcessOutcome.FAILED,
        status: { code: StatusCode.INVALID_ARGUMENT },
      });
      expect(results[index]?.status?.message).toMatch(new RegExp(`^${field}: `));
    }
    expect(outcomesOf({ results }).at(-1)).toBe("succeeded");
  });

  it("fails an output that is larger than results may be", async () => {
    await using fixture = await openBatchFixture(new TestProcessor(() => "x".repeat(1024 * 1024 + 1)));
    const { results } = await run(fixture, texts("a"));
    expect(results[0]?.status?.message).toMatch(/^output: max_output_bytes/);
  });

  const item = { operation: "echo" };
  it.each<[string, PartialMessage<ProcessStreamRequest>[], string]>([
    ["no operation in the first message", [{ item: {} }], "INVALID_FIELD"],
    ["no operation anywhere", [{ options: {} }, { item: {} }], "INVALID_FIELD"],
    ["neither item nor options", [{}], "INVALID_FIELD"],
    ["options beside an item", [{ item, options: {} }], "INVALID_FIELD"],
    ["a message without an item", [{ item }, {}], "PROTOCOL_VIOLATION"],
    ["options in a later message", [{ item }, { item: { options: {} } }], "PROTOCOL_VIOLATION"],
    [
      "an index that comes again",
      [
        { item, index: 5 },
        { item, index: 5 },
      ],
      "PROTOCOL_VIOLATION",
    ],
    ["an index below 0", [{ item, index: -1 }], "PROTOCOL_VIOLATION"],
    ["more items than a batch may have", [{ item, index: 100 }], "LIMIT_EXCEEDED"],
    ["too high a concurrency", [{ options: { maxConcurrency: 257 } }], "LIMIT_EXCEEDED"],
    ["a negative concurrency", [{ options: { maxConcurrency: -1 } }], "INVALID_FIELD"],
    ["too many attempts", [{ options: { maxAttempts: 11 } }], "LIMIT_EXCEEDED"],
    ["no time at all", [{ options: { itemTimeout: { seconds: 0, nanos: 0 } } }], "INVALID_FIELD"],
    ["too much time", [{ options: { itemTimeout: { seconds: 601, nanos: 0 } } }], "LIMIT_EXCEEDED"],
    ["a time that is none", [{ options: { itemTimeout: { seconds: 1, nanos: -1 } } }], "INVALID_FIELD"],
    ["a policy that is none", [{ options: { failurePolicy: 9 as never } }], "INVALID_FIELD"],
    ["too long a batch id", [{ options: { batchId: "x".repeat(256) } }], "LIMIT_EXCEEDED"],
  ])("refuses a stream with %s", async (_, messages, reason) => {
    await using fixture = await openBatchFixture({ limits: { maxBatchItems: 100 } });
    async function* requests(): AsyncGenerator<ProcessStreamRequest> {
      for (const message of messages) yield ProcessStreamRequest.fromPartial(message);
    }
    const stream = gathered(processStream(requests(), contextOf(), fixture.batch));
    await expect(stream).rejects.toMatchObject({ reason });
  });

  it("stops reading and running when its call ends, tells the processor, and leaves nothing behind", async () => {
    const began = latch();
    let stopped: unknown;
    const test = new TestProcessor(
      ({ context }) =>
        new Promise((_, reject) => {
          context.signal.addEventListener("abort", () => {
            stopped = context.signal.reason;
            reject(new Error("stopped"));
          });
          began.open();
        }),
    );
    await using fixture = await openBatchFixture(test);
    const call = callOf();
    const running = gathered(
      processStream(requestsOf(numbered(20), { batchId: "b", maxConcurrency: 1 }), call.context, fixture.batch),
    );
    await began.promise;
    const reason = new Error("the client is gone");
    call.abort(reason);
    await expect(running).rejects.toBe(reason);
    expect(stopped).toBe(reason);
    expect(test.runs).toHaveLength(1);
  });
});
