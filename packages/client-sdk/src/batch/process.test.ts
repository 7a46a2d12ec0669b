import { describe, expect, it } from "@jest/globals";
import { BatchFailurePolicy, ServiceError } from "@millrace/shared-types";

import { randomFaults } from "../testing/fault-plan.js";
import { within } from "../testing/within.js";
import { openBatch } from "./fake-batch-server.test.support.js";
import type { BatchItem, BatchItemResult } from "./types.js";

interface NumberedItem extends BatchItem {
  readonly n: number;
}

function* numbered(count: number): Generator<NumberedItem> {
  for (let n = 0; n < count; n++) yield { n, id: `i${String(n)}`, payload: String(n) };
}

const ECHO = { operation: "echo" } as const;

describe("batch.process", () => {
  it("has each item run and tells its result, with the item as it was given", async () => {
    await using opened = openBatch();
    const results: BatchItemResult<NumberedItem>[] = [];
    opened.server.failure = ({ id }) => (id === "i2" ? new ServiceError("INVALID_FIELD", "no") : undefined);
    const summary = await opened.batch.process(numbered(5), {
      ...ECHO,
      onResult: (result) => void results.push(result),
    });
    expect(summary).toMatchObject({ processed: 5, succeeded: 4, failed: 1, skipped: 0, replayed: 0 });
    expect(summary.failures.map(({ item, error }) => [item.n, error?.kind, error?.reason])).toEqual([
      [2, "invalid-argument", "INVALID_FIELD"],
    ]);
    expect(results.map(({ index, id, item: { n }, outcome }) => [index, id, n, outcome])).toEqual(
      [0, 1, 2, 3, 4].map((n) => [n, `i${String(n)}`, n, n === 2 ? "failed" : "succeeded"]),
    );
    expect(results[3]?.text()).toBe("3");
    expect(results[3]?.json()).toBe(3);
    expect(results[3]).toMatchObject({ attempts: 1, elapsedMs: 1.5, error: undefined });
  });

  it("says how the batch is to be run, in the first message", async () => {
    await using opened = openBatch();
    await opened.batch.process([{ json: { a: 1 }, attributes: { a: "b" }, idempotencyKey: "k", orderingKey: "o" }], {
      ...ECHO,
      batchId: "b",
      maxConcurrency: 3,
      onFailure: "stop",
      itemTimeoutMs: 1500,
      maxAttempts: 4,
      dryRun: true,
      omitOutputs: true,
    });
    const [first, second] = opened.server.streams[0] ?? [];
    expect(first?.options).toEqual({
      batchId: "b",
      maxConcurrency: 3,
      failurePolicy: BatchFailurePolicy.STOP,
      itemTimeout: { seconds: 1, nanos: 500_000_000 },
      maxAttempts: 4,
      validateOnly: true,
      omitOutputs: true,
    });
    expect(second).toMatchObject({
      index: 0,
      item: { operation: "echo", contentType: "application/json", idempotencyKey: "k", orderingKey: "o" },
    });
    expect(Buffer.from(second?.item?.payload ?? []).toString()).toBe('{"a":1}');
  });

  it("runs each item once, and tells each result once, under random faults", async () => {
    const seed = Date.now() % 1_000_000;
    for (let round = 0; round < 15; round++) {
      await using opened = openBatch(randomFaults(seed + round, { probability: 0.8, maxMessages: 15 }));
      const told: number[] = [];
      const onResult = ({ item }: BatchItemResult<NumberedItem>): void => void told.push(item.n);
      const processing = opened.batch.process(numbered(60), { ...ECHO, maxPendingItems: 7, onResult });
      const { succeeded } = await within(processing, `seed ${String(seed + round)}`);
      const { runs } = opened.server;
      const facts = {
        seed,
        succeeded,
        runs: runs.size,
        most: Math.max(...runs.values()),
        told: told.toSorted((a, b) => a - b),
      };
      expect(facts).toEqual({ seed, succeeded: 60, runs: 60, most: 1, told: [...numbered(60)].map(({ n }) => n) });
    }
  });

  it("goes on under the same batch id, and sends again only what has no result", async () => {
    await using opened = openBatch(({ index }) => (index === 0 ? { cutAfter: { messages: 20 } } : undefined));
    let results = 0;
    await opened.batch.process(numbered(30), { ...ECHO, maxPendingItems: 5, onResult: () => void results++ });
    const [first = [], second = []] = opened.server.streams;
    expect(second[0]?.options).toEqual(first[0]?.options);
    expect(results).toBe(30);
    const indexes = second.slice(1).map(({ index }) => index);
    expect(indexes.at(-1)).toBe(29);
    expect(indexes.length).toBeLessThan(30);
    expect(indexes).toEqual(indexes.toSorted((a = 0, b = 0) => a - b));
  });

  it("waits with the next result for what onResult returns, and ends with what it throws", async () => {
    await using opened = openBatch();
    let running = 0;
    await opened.batch.process(numbered(10), {
      ...ECHO,
      async onResult() {
        expect(++running).toBe(1);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
      },
    });
    const error = new Error("enough");
    const onResult = (): never => {
      throw error;
    };
    await expect(opened.batch.process(numbered(10), { ...ECHO, onResult })).rejects.toBe(error);
    expect(opened.server.streams).toHaveLength(2);
  });

  it("ends with what its source throws, also between two streams, and closes it", async () => {
    await using opened = openBatch(({ index }) => (index === 0 ? { cutAfter: { messages: 6 } } : undefined));
    const error = new Error("no more");
    let isClosed = false;
    async function* source(): AsyncGenerator<NumberedItem> {
      try {
        yield* numbered(3);
        await new Promise((resolve) => setTimeout(resolve, 5));
        throw error;
      } finally {
        isClosed = true;
      }
    }
    await expect(opened.batch.process(source(), ECHO)).rejects.toBe(error);
    expect(isClosed).toBe(true);
  });

  it("ends at an abort, with a source that never answers too", async () => {
    await using opened = openBatch();
    const abort = new AbortController();
    const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
    const processing = opened.batch.process(silent, { ...ECHO, signal: abort.signal });
    abort.abort(new Error("enough"));
    await expect(processing).rejects.toMatchObject({ name: "AbortError" });
  });

  it("fails with what another attempt cannot mend, and not by itself with the failure of an item", async () => {
    await using opened = openBatch();
    opened.server.refusal = () => new ServiceError("FEATURE_DISABLED", "not atomic");
    const refused = opened.batch.process(numbered(3), { ...ECHO, onFailure: "atomic" });
    await expect(refused).rejects.toMatchObject({ kind: "failed-precondition", reason: "FEATURE_DISABLED" });
    expect(opened.server.streams).toHaveLength(1);
    opened.server.refusal = (_, stream) => (stream < 3 ? new ServiceError("DRAINING", "later") : undefined);
    expect((await opened.batch.process(numbered(3), ECHO)).succeeded).toBe(3);
  });

  it("asks again for totals that did not come: an end is not a yes", async () => {
    await using opened = openBatch();
    opened.server.sendsSummary = () => false;
    const once = opened.batch.process(numbered(2), { ...ECHO, resume: false });
    await expect(once).rejects.toMatchObject({ kind: "unavailable", retryable: true });
    opened.server.sendsSummary = (stream) => stream === 3;
    expect((await opened.batch.process(numbered(2), ECHO)).succeeded).toBe(2);
    expect(opened.server.streams.map(({ length }) => length)).toEqual([3, 3, 1, 1]);
  });

  it("fails only the item that no message can carry", async () => {
    await using opened = openBatch();
    const items = [{ payload: "a" }, { payload: Buffer.alloc(5 * 1024 * 1024) }, { payload: "b" }];
    const summary = await opened.batch.process(items, ECHO);
    expect(summary).toMatchObject({ processed: 3, succeeded: 2, failed: 1 });
    expect(summary.failures[0]).toMatchObject({ index: 1, attempts: 0, error: { kind: "message-too-large" } });
  });

  it("refuses options and items that are none", async () => {
    await using opened = openBatch();
    const { batch } = opened;
    await expect(batch.process([], { concurency: 1 } as never)).rejects.toThrow(/unknown option 'concurency'/);
    await expect(batch.process([], { maxConcurrency: 257 })).rejects.toThrow(RangeError);
    await expect(batch.process([], { onFailure: "explode" as never })).rejects.toThrow(/onFailure/);
    await expect(batch.process([{}])).rejects.toThrow(/no operation/);
    await expect(batch.process([{ payload: "a", json: 1 }], ECHO)).rejects.toThrow(/not both/);
    await expect(batch.process([{ payload: 5 as never }], ECHO)).rejects.toThrow(/neither bytes nor text/);
    await expect(batch.process([{ json: () => 1 }], ECHO)).rejects.toThrow(/not a JSON value/);
    await expect(batch.process([{ json: undefined }], ECHO)).rejects.toThrow("json is undefined, not a JSON value");
    for (const name of ["id", "idempotencyKey", "orderingKey", "contentType"]) {
      await expect(batch.process([{ [name]: "s\ud800" }], ECHO)).rejects.toThrow(`'${name}' is no Unicode`);
    }
    await expect(batch.process([{ attributes: { a: "\ud800" } }], ECHO)).rejects.toThrow('attribute "a" is no Unicode');
  });
});
