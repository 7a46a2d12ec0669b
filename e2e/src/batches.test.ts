import { describe, expect, it } from "@jest/globals";
import { type BatchItem, createClient, type StreamingClient } from "@millrace/client-sdk";
import { createStreamingServer, defineProcessor, type RunningServer } from "@millrace/server";
import { BatchFailurePolicy, ProcessOutcome } from "@millrace/shared-types";

import { makeTempDir } from "./support/temp-dir.js";

const sleepy = defineProcessor({
  description: "Takes a moment.",
  run: async (payload) => {
    await new Promise((resolve) => setTimeout(resolve, 2));
    return payload;
  },
});

/** A server on a data directory of its own, to be drained and started again, and a client of it. */
async function openStage(callers?: readonly string[]) {
  const dir = await makeTempDir();
  const start = (port: number): Promise<RunningServer> =>
    createStreamingServer({
      port,
      dataDir: dir.path,
      processors: { sleepy },
      ...(callers && { authenticate: ({ headers }) => ({ id: String(headers["x-user"]) }) }),
    });
  let server = await start(0);
  const { port } = server;
  const clients: StreamingClient[] = [];
  return {
    client(user = "") {
      const resume = { backoff: { initialMs: 10, maxMs: 100 } };
      const defaults = { headers: { "x-user": user } };
      const client = createClient({ target: `127.0.0.1:${String(port)}`, resume, defaults });
      clients.push(client);
      return client;
    },
    async restart() {
      await server.close();
      server = await start(port);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client.close()));
      await server.close();
      await dir[Symbol.asyncDispose]();
    },
  };
}

function* numbered(count: number, rest: BatchItem = {}): Generator<BatchItem> {
  for (let n = 0; n < count; n++) yield { id: `i${String(n)}`, payload: String(n), ...rest };
}

describe("batches over the wire", () => {
  it("go on through drains and restarts of the server, and are remembered by it", async () => {
    await using stage = await openStage();
    const { batch } = stage.client();
    let told = 0;
    let restarting = Promise.resolve();
    const summary = await batch.process(numbered(900), {
      operation: "sleepy",
      batchId: "b",
      onResult: () => {
        if (++told % 300 === 150) restarting = restarting.then(() => stage.restart());
      },
    });
    await restarting;
    expect(summary).toMatchObject({ processed: 900, succeeded: 900 });
    expect(told).toBe(900);
    expect(await batch.get("b")).toMatchObject({ state: "done", processed: 900, succeeded: 900 });
    await stage.restart();
    let next = 0;
    for await (const result of batch.results("b", { pageSize: 400 })) {
      expect([result.index, result.text()]).toEqual([next, String(next)]);
      next++;
    }
    expect(next).toBe(900);
    const again = await batch.process(numbered(900), { operation: "sleepy", batchId: "b" });
    expect(again).toMatchObject({ succeeded: 900, replayed: 900 });
  }, 60_000);

  it("answer a client of the seed's RPC with the status of each item", async () => {
    await using stage = await openStage();
    const { raw } = stage.client();
    const response = await raw.streamingService.batchProcess([
      { operation: "echo", payload: Buffer.from("a"), options: { batchId: "seed" } },
      { operation: "nope" },
      { payload: Buffer.from("c") },
    ]);
    expect(response).toMatchObject({ processedCount: 3, successCount: 2, failureCount: 1, batchId: "seed" });
    expect(response.results.map(({ index, outcome }) => [index, outcome])).toEqual([
      [0, ProcessOutcome.SUCCEEDED],
      [1, ProcessOutcome.FAILED],
      [2, ProcessOutcome.SUCCEEDED],
    ]);
    expect(Buffer.from(response.results[2]?.output ?? []).toString()).toBe("c");
    const atomic = raw.streamingService.batchProcess([
      { operation: "echo", options: { failurePolicy: BatchFailurePolicy.ATOMIC } },
    ]);
    await expect(atomic).rejects.toMatchObject({ kind: "failed-precondition", reason: "FEATURE_DISABLED" });
    const late = raw.streamingService.batchProcess([{ operation: "echo" }, { options: {} }]);
    await expect(late).rejects.toMatchObject({ kind: "invalid-argument", reason: "PROTOCOL_VIOLATION" });
  });

  it("put items into a dataset, all or none, and publish events", async () => {
    await using stage = await openStage();
    const { batch, data, events } = stage.client();
    const item = (key: string): BatchItem => ({ operation: "dataset.put", json: { key }, attributes: { key } });
    const failed = await batch.process([item("a"), item(""), item("c")], { onFailure: "atomic" });
    expect(failed).toMatchObject({ succeeded: 0, failed: 1, skipped: 2 });
    await expect(data.get("a")).rejects.toMatchObject({ kind: "not-found" });
    expect(await batch.process([item("a"), item("c")], { onFailure: "atomic" })).toMatchObject({ succeeded: 2 });
    expect((await data.get("c")).json()).toEqual({ key: "c" });
    const attributes = { type: "order.created", stream: "orders" };
    await batch.process(numbered(100, { attributes }), { operation: "event.publish", maxConcurrency: 32 });
    const texts: string[] = [];
    for await (const event of events.read({ streams: ["orders"] })) texts.push(event.text());
    expect(texts.toSorted()).toEqual(Array.from({ length: 100 }, (_, n) => String(n)).toSorted());
  });

  it("belong to their caller, and so do their keys", async () => {
    await using stage = await openStage(["alice", "bob"]);
    const [alice, bob] = [stage.client("alice"), stage.client("bob")];
    const options = { operation: "sleepy", batchId: "b" };
    await alice.batch.process([{ payload: "a", idempotencyKey: "k" }], options);
    await expect(bob.batch.get("b")).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
    await expect(bob.batch.cancel("b")).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
    const theirs = await bob.batch.process([{ payload: "other", idempotencyKey: "k" }], options);
    expect(theirs).toMatchObject({ succeeded: 1, replayed: 0 });
    const conflict = alice.batch.process([{ payload: "other" }], options);
    await expect(conflict).rejects.toMatchObject({ kind: "aborted", reason: "IDEMPOTENCY_CONFLICT" });
  });

  it("can be cancelled by anybody who is the same caller: the rest is skipped", async () => {
    await using stage = await openStage();
    const { batch } = stage.client();
    const other = stage.client();
    let cancelling: Promise<unknown> = Promise.resolve();
    const summary = await batch.process(numbered(2000), {
      operation: "sleepy",
      batchId: "b",
      onResult: ({ index }) => {
        if (index === 10) cancelling = other.batch.cancel("b");
      },
    });
    expect(await cancelling).toMatchObject({ failed: 0 });
    expect(summary.succeeded).toBeGreaterThan(0);
    expect(summary.skipped).toBeGreaterThan(0);
    expect(summary.succeeded + summary.skipped).toBe(2000);
    expect(await other.batch.get("b")).toMatchObject({ state: "cancelled", processed: 2000 });
  });

  it("have one stream: the newer one goes on, and the older one is told", async () => {
    await using stage = await openStage();
    const [first, second] = [stage.client(), stage.client()];
    const options = { operation: "sleepy", batchId: "b" };
    let taking: Promise<object> | undefined;
    const running = first.batch.process(numbered(2000), {
      ...options,
      onResult: () => {
        taking ??= second.batch.process(numbered(2000), options);
      },
    });
    await expect(running).rejects.toMatchObject({ kind: "aborted", reason: "CONSUMER_REPLACED" });
    expect(await taking).toMatchObject({ processed: 2000, succeeded: 2000 });
    expect(await first.batch.get("b")).toMatchObject({ state: "done", processed: 2000 });
  });

  it("name the processors that there are", async () => {
    await using stage = await openStage();
    const names = (await stage.client().batch.processors()).map(({ name }) => name);
    expect(names).toEqual(["dataset.put", "echo", "event.publish", "sha256", "sleepy"]);
    await expect(createStreamingServer({ port: 0, processors: { "no good": sleepy } })).rejects.toThrow(
      /processors: "no good"/,
    );
  });
});
