import { describe, expect, it } from "@jest/globals";
import { DatasetServiceDefinition, methodPath, ServiceError } from "@millrace/shared-types";

import { VirtualClock } from "../testing/virtual-clock.js";
import { openData } from "./fake-data-server.test.support.js";

const MUTATE = methodPath(DatasetServiceDefinition, DatasetServiceDefinition.methods.mutateItems);

/** Loses the answers of the first `count` changes. */
const dropAcks = (count: number) => {
  let left = count;
  return ({ path }: { readonly path: string }) => (path === MUTATE && left-- > 0 ? { dropAck: true } : undefined);
};

describe("a change of an item", () => {
  it("is made once however often the answer is lost, also with an expected version", async () => {
    await using opened = openData(dropAcks(4));
    const stored = await opened.data.put({ key: "a", json: { n: 1 } }, { ifVersionMatch: 0 });
    expect(stored).toEqual({ id: "1", version: 1 });
    expect(opened.server.mutations).toHaveLength(5);
    expect(new Set(opened.server.mutations.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
    expect(opened.server.writes.get("a")).toBe(1);
    expect(opened.server.items.get("a")).toMatchObject({ contentType: "application/json" });
  });

  it("fails if the item has another version", async () => {
    await using opened = openData();
    await opened.data.put({ key: "a", data: "1" });
    await expect(opened.data.delete("a", { ifVersionMatch: 7 })).rejects.toMatchObject({
      kind: "aborted",
      reason: "REVISION_MISMATCH",
      details: { metadata: { expected: "7", actual: "1" } },
    });
    await opened.data.delete("a", { ifVersionMatch: 1 });
    expect(opened.server.items.size).toBe(0);
  });

  it("is one of several, each with its own outcome", async () => {
    await using opened = openData();
    const outcomes = await opened.data.mutate(
      [{ put: { data: Uint8Array.of(255), attributes: { a: "1" } } }, { delete: "no", ifVersionMatch: 3 }],
      { dataset: "d", atomic: true, idempotencyKey: "mine" },
    );
    expect(outcomes).toEqual([{ id: "1", version: 1 }, { error: expect.objectContaining({ kind: "aborted" }) }]);
    expect(opened.server.mutations[0]).toMatchObject({ dataset: "d", atomic: true, idempotencyKey: "mine" });
    expect(opened.server.items.get("1")).toMatchObject({ attributes: new Map([["a", "1"]]) });
  });

  it("is given up after timeoutMs, all attempts together", async () => {
    const clock = new VirtualClock();
    await using opened = openData({ refuse: true }, clock);
    const putting = opened.data.put({ key: "a" }, { timeoutMs: 5000 }).catch((error: unknown) => error);
    await clock.advance(5000);
    expect(await putting).toMatchObject({ kind: "deadline-exceeded" });
    expect(clock.pending).toBe(0);
  });

  it("is not repeated if the server refuses it", async () => {
    await using opened = openData();
    opened.server.refusal = () => new ServiceError("RESOURCE_NOT_FOUND", "no such dataset");
    await expect(opened.data.put({ key: "a" })).rejects.toMatchObject({ kind: "not-found" });
    expect(opened.server.mutations).toHaveLength(1);
  });

  it.each([
    [{ put: { kee: "a" } }, "did you mean key?"],
    [{ put: { data: "a", json: 1 } }, "not both"],
    [{ put: { data: { n: 1 } } }, "use json"],
    [{ put: { json: () => 1 } }, "not a JSON value"],
    [{ put: { json: undefined } }, "json is undefined, not a JSON value"],
    [{ put: {}, delete: "a" }, "either 'put' or 'delete'"],
    [{}, "either 'put' or 'delete'"],
  ])("is refused if it is none: %j", async (mutation, message) => {
    await using opened = openData();
    await expect(opened.data.mutate([mutation as never])).rejects.toThrow(message);
    expect(opened.server.mutations).toHaveLength(0);
  });
});

it("an item may have data and a json that is undefined", async () => {
  await using opened = openData();
  await opened.data.put({ key: "a", data: "x", json: undefined });
  expect(Buffer.from(opened.server.items.get("a")?.data ?? []).toString()).toBe("x");
});

describe("datasets", () => {
  it("are made, described, listed page by page and deleted", async () => {
    await using opened = openData();
    const { datasets } = opened.data;
    expect(await datasets.create("a")).toEqual({
      name: "a",
      itemCount: 0,
      sizeBytes: 0,
      createdAt: new Date(0),
      version: 0,
    });
    await datasets.create("b");
    expect(await datasets.get("b")).toMatchObject({ name: "b" });
    const names: string[] = [];
    for await (const { name } of datasets.list()) names.push(name);
    expect(names).toEqual(["a", "b"]);
    await datasets.delete("a", { allowMissing: true });
    await expect(datasets.delete("a", { allowMising: true } as never)).rejects.toThrow("did you mean allowMissing?");
  });
});
