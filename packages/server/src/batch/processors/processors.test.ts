import { describe, expect, it } from "@jest/globals";
import { GetDataRequest, type PartialMessage, type ProcessRequest, ServiceError } from "@millrace/shared-types";

import { getData } from "../../data/get-data.js";
import { allEvents } from "../../events/events-fixture.test.support.js";
import { contextOf } from "../../files/files-fixture.test.support.js";
import { type BatchFixture, openBatchFixture, outcomesOf, outputsOf, run } from "../batch-fixture.test.support.js";
import { defineProcessor, type ProcessorContext } from "../processor.js";

function item(
  operation: string,
  payload: string,
  attributes: Record<string, string> = {},
  rest: PartialMessage<ProcessRequest> = {},
): PartialMessage<ProcessRequest> {
  return { operation, payload: Buffer.from(payload), attributes: new Map(Object.entries(attributes)), ...rest };
}

/** Lets each item run a second time, as after a kill before its outcome was durable. */
async function runTwice(fixture: BatchFixture, items: readonly PartialMessage<ProcessRequest>[]): Promise<void> {
  const commit = fixture.items.commit.bind(fixture.items);
  fixture.items.commit = async (mutations, options) => {
    if (mutations.some(({ collection }) => collection.startsWith("batch/results/"))) throw new Error("killed");
    return commit(mutations, options);
  };
  await expect(run(fixture, items, { batchId: "b", maxConcurrency: 256 })).rejects.toThrow("killed");
  fixture.items.commit = commit;
  const { summary } = await run(fixture, items, { batchId: "b" });
  expect(summary).toMatchObject({ successCount: items.length });
}

describe("echo and sha256", () => {
  it("give back the payload, and its digest", async () => {
    await using fixture = await openBatchFixture();
    expect(outputsOf(await run(fixture, [item("echo", "abc"), item("sha256", "abc")]))).toEqual([
      "abc",
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ]);
  });
});

describe("dataset.put", () => {
  it("stores the payload under what the attributes say", async () => {
    await using fixture = await openBatchFixture();
    const attributes = { dataset: "items", key: "k", name: "n", colour: "red" };
    const { results } = await run(fixture, [item("dataset.put", "x", attributes, { contentType: "text/plain" })]);
    expect(JSON.parse(outputsOf({ results })[0] ?? "")).toEqual({ id: "1", version: expect.any(Number) });
    const request = GetDataRequest.fromPartial({ dataset: "items", item: { $case: "key", value: "k" } });
    const { item: found } = await getData(request, contextOf(), fixture.data);
    expect(found).toMatchObject({ name: "n", contentType: "text/plain", attributes: new Map([["colour", "red"]]) });
    expect(Buffer.from(found?.data ?? []).toString()).toBe("x");
  });

  it("changes nothing when it runs again, and refuses what no dataset takes", async () => {
    await using fixture = await openBatchFixture();
    await runTwice(fixture, [item("dataset.put", "x", { key: "a" }), item("dataset.put", "y", { key: "b" })]);
    const versions = outputsOf(await run(fixture, [item("dataset.put", "x", { key: "a" })]));
    expect(versions).toEqual(outputsOf(await run(fixture, [item("dataset.put", "x", { key: "a" })])));
    const wrong = [item("dataset.put", "x"), item("dataset.put", "x", { key: "a", dataset: "nope" })];
    const { results } = await run(fixture, wrong);
    expect(results.map(({ status }) => status?.message)).toEqual([
      "attributes.key: must be set",
      'dataset "nope" not found',
    ]);
  });
});

describe("event.publish", () => {
  it("publishes the payload as what the attributes say", async () => {
    await using fixture = await openBatchFixture();
    const attributes = { type: "order.created", stream: "orders", key: "k", source: "shop", colour: "red" };
    const { results } = await run(fixture, [item("event.publish", "x", attributes)]);
    const { events } = await allEvents(fixture.events.log);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ type: "order.created", stream: "orders", key: "k", payload: Buffer.from("x") });
    const { id, sequence } = events[0]!;
    expect(JSON.parse(outputsOf({ results })[0] ?? "")).toEqual({ id, sequence, streamRevision: 1 });
  });

  it("is in the log once, however often an item runs; equal items are events of their own", async () => {
    await using fixture = await openBatchFixture();
    const same = item("event.publish", "x", { type: "t" });
    await runTwice(fixture, [same, same, item("event.publish", "x", { type: "t" }, { idempotencyKey: "k" })]);
    expect((await allEvents(fixture.events.log)).events).toHaveLength(3);
  });

  it("refuses an event without a type, and a stream of the server's", async () => {
    await using fixture = await openBatchFixture();
    const { results } = await run(fixture, [
      item("event.publish", "x"),
      item("event.publish", "x", { type: "t", stream: "$chat" }),
    ]);
    expect(outcomesOf({ results })).toEqual(["failed", "failed"]);
    expect((await allEvents(fixture.events.log)).events).toEqual([]);
  });
});

describe("a processor of the application", () => {
  it("gets what its decode makes of the payload, typed, and facts about the item", async () => {
    let seen: ProcessorContext | undefined;
    const double = defineProcessor({
      description: "Doubles.",
      decode: (payload) => JSON.parse(Buffer.from(payload).toString()) as { readonly n: number },
      validate: ({ n }) => {
        if (n < 0) throw new ServiceError("INVALID_FIELD", "n is negative");
      },
      run: ({ n }, context) => {
        seen = context;
        return String(n * 2);
      },
    });
    await using fixture = await openBatchFixture({ processors: { double } });
    const items = [
      item("double", '{"n":21}', { a: "1" }, { id: "one", contentType: "application/json" }),
      item("double", '{"n":-1}'),
      item("double", "{"),
    ];
    const { results } = await run(fixture, items, { batchId: "b" });
    expect(outputsOf({ results })).toEqual(["42", "", ""]);
    expect(results.slice(1).map(({ status }) => status?.message)).toEqual([
      "n is negative",
      expect.stringMatching(/^payload: .*JSON/),
    ]);
    expect(seen).toMatchObject({
      attempt: 1,
      batchId: "b",
      index: 0,
      itemId: "one",
      contentType: "application/json",
      attributes: new Map([["a", "1"]]),
      caller: { id: "alice" },
    });
    expect(outcomesOf(await run(fixture, items, { validateOnly: true }))).toEqual(["skipped", "failed", "failed"]);
  });

  it("may give nothing, bytes or a text; anything else is its own fault", async () => {
    const outputs = [undefined, Uint8Array.of(1, 2), "text", 5];
    const any = defineProcessor({
      description: "Gives one of these.",
      run: (_, { index }) => outputs[index] as string | undefined,
    });
    await using fixture = await openBatchFixture({ processors: { any } });
    const { results } = await run(
      fixture,
      outputs.map(() => item("any", "")),
    );
    expect(results.map(({ output }) => [...output])).toEqual([[], [1, 2], [...Buffer.from("text")], []]);
    expect(results[3]?.status?.message).toBe("internal error");
  });
});
