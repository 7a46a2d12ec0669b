import { describe, expect, it } from "@jest/globals";
import { ServiceError } from "@millrace/shared-types";

import { openBatch } from "./fake-batch-server.test.support.js";

async function openWithBatch() {
  const opened = openBatch();
  opened.server.failure = ({ payload }) =>
    Number(Buffer.from(payload).toString()) % 2 === 0 ? new ServiceError("INVALID_FIELD", "even") : undefined;
  const items = ["0", "1", "2", "3", "4"].map((payload) => ({ payload }));
  await opened.batch.process(items, { operation: "echo", batchId: "b" });
  return opened;
}

describe("the batch API", () => {
  it("describes a batch (GetBatch)", async () => {
    await using opened = await openWithBatch();
    expect(await opened.batch.get("b")).toEqual({
      batchId: "b",
      state: "interrupted",
      processed: 5,
      succeeded: 2,
      failed: 3,
      skipped: 0,
      createdAt: new Date(1),
      expiresAt: new Date(2),
      elapsedMs: 2000,
    });
  });

  it("lists results page by page, all or failures only (ListBatchResults)", async () => {
    await using opened = await openWithBatch();
    const indexes: number[] = [];
    for await (const { index } of opened.batch.results("b")) indexes.push(index);
    expect(indexes).toEqual([0, 1, 2, 3, 4]);
    const errors: unknown[] = [];
    for await (const { error } of opened.batch.results("b", { failuresOnly: true })) errors.push(error?.message);
    expect(errors).toEqual(["even", "even", "even"]);
  });

  it("cancels (CancelBatch) and lists processors (ListProcessors)", async () => {
    await using opened = await openWithBatch();
    expect(await opened.batch.cancel("b")).toEqual({ processed: 5, succeeded: 2, failed: 3, skipped: 0 });
    expect(await opened.batch.processors()).toEqual([
      { name: "echo", description: "Gives it back.", supportsAtomic: false, idempotent: true },
    ]);
  });
});
