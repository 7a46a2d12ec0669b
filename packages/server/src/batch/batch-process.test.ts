import { describe, expect, it } from "@jest/globals";
import {
  type PartialMessage,
  ProcessOutcome,
  ProcessRequest,
  ProcessResponse,
  encodeMessage,
} from "@millrace/shared-types";

import { contextOf } from "../files/files-fixture.test.support.js";

import { batchProcess } from "./batch-process.js";
import {
  type BatchFixture,
  numbered,
  openBatchFixture,
  outcomesOf,
  STOP,
  TestProcessor,
  texts,
} from "./batch-fixture.test.support.js";

function send(fixture: BatchFixture, items: readonly PartialMessage<ProcessRequest>[]): Promise<ProcessResponse> {
  async function* requests(): AsyncGenerator<ProcessRequest> {
    for (const item of items) yield ProcessRequest.fromPartial(item);
  }
  return batchProcess(requests(), contextOf(), fixture.batch);
}

describe("BatchProcess", () => {
  it("answers with the status of every item, in order (S11)", async () => {
    const test = new TestProcessor(async ({ text }) => {
      for (let turn = Number(text); turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      if (text === "2") throw new Error("no");
      return text;
    });
    await using fixture = await openBatchFixture(test);
    const [first, ...rest] = numbered(5);
    const response = await send(fixture, [{ ...first, options: { batchId: "b" } }, ...rest]);
    expect(response).toMatchObject({ processedCount: 5, successCount: 4, failureCount: 1, resultsTruncated: false });
    expect(response.batchId).toBe("b");
    expect(response.results.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4]);
    expect(outcomesOf(response)).toEqual(["succeeded", "succeeded", "failed", "succeeded", "succeeded"]);
  });

  it("takes options and the operation from the first message", async () => {
    const test = new TestProcessor(() => {
      throw new Error("no");
    });
    await using fixture = await openBatchFixture(test);
    const [first] = texts("a");
    const items = [{ ...first, options: { ...STOP, maxConcurrency: 1 } }, { payload: Buffer.from("b") }];
    expect(outcomesOf(await send(fixture, items))).toEqual(["failed", "skipped"]);
    const late = send(fixture, [...texts("a"), { options: STOP }]);
    await expect(late).rejects.toMatchObject({ reason: "PROTOCOL_VIOLATION" });
    await expect(send(fixture, [{}])).rejects.toMatchObject({ reason: "INVALID_FIELD" });
  });

  it("answers a stream without items with zeros", async () => {
    await using fixture = await openBatchFixture();
    expect(await send(fixture, [])).toMatchObject({ processedCount: 0, batchId: "", results: [] });
  });

  it("tells failures first if not all results fit, and says that there are more", async () => {
    const test = new TestProcessor(({ text }) => {
      if (Number(text) % 3 === 0) throw new Error("no");
      return "x".repeat(10_000);
    });
    await using fixture = await openBatchFixture(test);
    const response = await send(fixture, numbered(600));
    const failures = response.results.filter(({ outcome }) => outcome === ProcessOutcome.FAILED);
    expect(failures).toHaveLength(200);
    expect(response).toMatchObject({ resultsTruncated: true, successCount: 400 });
    const indexes = response.results.map(({ index }) => index);
    expect(indexes).toEqual(indexes.toSorted((a, b) => a - b));
    const bytes = encodeMessage(ProcessResponse, response).length;
    expect(bytes).toBeLessThan(2 * 1024 * 1024 + 1000);
    expect(bytes).toBeGreaterThan(2 * 1024 * 1024 - 20_000);
  });

  it("gives at most 10,000 results", async () => {
    await using fixture = await openBatchFixture(new TestProcessor(() => ""));
    const { results, resultsTruncated, successCount } = await send(fixture, numbered(10_050));
    expect([results.length, resultsTruncated, successCount]).toEqual([10_000, true, 10_050]);
  });
});
