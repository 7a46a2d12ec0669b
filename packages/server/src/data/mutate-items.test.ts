import { describe, expect, it } from "@jest/globals";
import {
  encodeMessage,
  GetDataRequest,
  type GetDataResponse,
  type Mutation,
  MutateItemsResponse,
  type PartialMessage,
  StatusCode,
} from "@millrace/shared-types";

import { SqliteItemStore } from "../adapters/embedded/sqlite-item-store.js";
import { openTemporaryFolder } from "../adapters/embedded/temporary-folder.js";
import { MemoryItemStore } from "../adapters/memory/memory-item-store.js";
import { contextOf } from "../files/files-fixture.test.support.js";
import type { ItemStore } from "../ports/item-store.js";

import {
  codesOf,
  deletion,
  keysOf,
  listed,
  mutate,
  openDataFixture,
  put,
  putJson,
} from "./data-fixture.test.support.js";
import type { DataDeps } from "./data-deps.js";
import { getData } from "./get-data.js";
import { sweep } from "./upkeep.js";

const { OK, ABORTED, INVALID_ARGUMENT } = StatusCode;

function get(deps: DataDeps, request: PartialMessage<GetDataRequest>): Promise<GetDataResponse> {
  return getData(GetDataRequest.fromPartial(request), contextOf(), deps);
}

function withVersion(mutation: PartialMessage<Mutation>, ifVersionMatch: number): PartialMessage<Mutation> {
  return { ...mutation, ifVersionMatch };
}

/** `store`, whose nth commit from now on is made, but seems to have failed: as if the server were killed after it. */
function dyingAfter(store: ItemStore, commits: number): ItemStore {
  let left = commits;
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      if (name !== "commit") return value.bind(target) as unknown;
      return async (...args: Parameters<ItemStore["commit"]>) => {
        if (left <= 0) throw new Error("killed");
        left -= 1;
        return target.commit(...args);
      };
    },
  });
}

describe("GetData", () => {
  it("gives an item by its key and by its number, which is its key if it has no other", async () => {
    await using fixture = await openDataFixture();
    const { data } = fixture;
    await mutate(data, [
      put("", "by number", { id: "42" }),
      put("named", "by name", { name: "N" }),
      put("", "neither"),
    ]);
    const text = ({ item }: GetDataResponse): string => Buffer.from(item?.data ?? []).toString();
    expect(text(await get(data, { item: { $case: "id", value: "42" } }))).toBe("by number");
    expect(text(await get(data, { item: { $case: "key", value: "42" } }))).toBe("by number");
    const { item } = await get(data, { item: { $case: "key", value: "named" } });
    expect(item).toMatchObject({ key: "named", name: "N", version: 2, control: undefined });
    expect(text(await get(data, { item: { $case: "id", value: item?.id ?? "" } }))).toBe("by name");
    const [neither] = (await keysOf(listed(data))).filter((key) => key.length === 19);
    expect(text(await get(data, { item: { $case: "id", value: neither ?? "" } }))).toBe("neither");
  });

  it("says that an item is as the client knows it, and gives only what is asked for", async () => {
    await using fixture = await openDataFixture();
    const { data } = fixture;
    await mutate(data, [putJson("a", { x: 1, y: 2 })]);
    const item = { $case: "key", value: "a" } as const;
    expect(await get(data, { item, ifVersionNotMatch: 1 })).toEqual({ item: undefined, notModified: true });
    const answer = await get(data, { item, ifVersionNotMatch: 7, fields: ["y"] });
    expect(Buffer.from(answer.item?.data ?? []).toString()).toBe('{"y":2}');
  });

  it("refuses a request that names no item, and says what is not there", async () => {
    await using fixture = await openDataFixture();
    await expect(get(fixture.data, {})).rejects.toMatchObject({ reason: "INVALID_FIELD" });
    const missing = get(fixture.data, { item: { $case: "key", value: "x" } });
    await expect(missing).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND", metadata: { resource_type: "item" } });
  });
});

describe("MutateItems", () => {
  it("makes each change that can be made, and says of the others why not", async () => {
    await using fixture = await openDataFixture();
    const { data } = fixture;
    await mutate(data, [put("a", "1"), put("b", "1", { id: "7" })]);
    const response = await mutate(data, [
      put("a", "2"),
      withVersion(put("b", "2"), 99),
      put("c", "x", { id: "7" }),
      {},
      put("", "x", { id: "-1" }),
      put("x".repeat(1025), ""),
      withVersion(put("new", ""), 0),
      deletion("never was"),
    ]);
    expect(codesOf(response)).toEqual([
      OK,
      ABORTED,
      INVALID_ARGUMENT,
      INVALID_ARGUMENT,
      INVALID_ARGUMENT,
      INVALID_ARGUMENT,
      OK,
      OK,
    ]);
    expect(response.results[1]?.status?.message).toBe("the item has version 2, not 99");
    expect(response.results[0]).toMatchObject({ id: "1", version: 3 });
    expect(await keysOf(listed(data))).toEqual(["a", "b", "new"]);
  });

  it("makes all changes or none, if that is asked for", async () => {
    await using fixture = await openDataFixture();
    const { data } = fixture;
    for (const wrong of [withVersion(put("b", ""), 5), {}]) {
      const { results } = await mutate(data, [put("a", "1"), wrong], { atomic: true });
      expect(results[0]).toMatchObject({ status: { code: ABORTED }, version: 0 });
      expect(await keysOf(listed(data))).toEqual([]);
    }
    expect(codesOf(await mutate(data, [put("a", ""), deletion("a"), put("b", "")], { atomic: true }))).toEqual([
      OK,
      OK,
      OK,
    ]);
    expect(await keysOf(listed(data))).toEqual(["b"]);
  });

  it("refuses a request that is too large or about nothing, and answers one that fails altogether", async () => {
    await using fixture = await openDataFixture();
    const { data } = fixture;
    await expect(mutate(data, [])).rejects.toMatchObject({ reason: "INVALID_FIELD" });
    await expect(
      mutate(
        data,
        Array.from({ length: 10_001 }, () => ({})),
      ),
    ).rejects.toMatchObject({ reason: "LIMIT_EXCEEDED" });
    const large = Array.from({ length: 4 }, (_, n) => put(String(n), "x".repeat(1_000_000)));
    await expect(mutate(data, large)).rejects.toMatchObject({ metadata: { limit: "max_mutation_bytes" } });
    await expect(mutate(data, [put("a", "")], { dataset: "x" })).rejects.toMatchObject({
      reason: "RESOURCE_NOT_FOUND",
    });
    const tooLarge = put("a", "x".repeat(2 ** 20 + 1));
    expect(codesOf(await mutate(data, [tooLarge]))).toEqual([INVALID_ARGUMENT]);
    const failing = await mutate(
      data,
      Array.from({ length: 10_000 }, () => withVersion(put("a", ""), Number.MAX_SAFE_INTEGER)),
    );
    expect(encodeMessage(MutateItemsResponse, failing).length).toBeLessThan(4 * 2 ** 20);
  });
});

describe("MutateItems with an idempotency key", () => {
  const idempotencyKey = "once";

  it("gives the first outcome again within a day, whatever came after", async () => {
    await using fixture = await openDataFixture();
    const { data, clock } = fixture;
    const mutations = [put("", "server's number"), withVersion(put("a", "1"), 0), deletion("b")];
    const first = await mutate(data, mutations, { idempotencyKey });
    expect(first.replayed).toBe(false);
    await mutate(data, [put("a", "2")]);
    clock.advance(23 * 3_600_000);
    await sweep(data);
    expect(await mutate(data, mutations, { idempotencyKey })).toEqual({ ...first, replayed: true });
    const other = mutate(data, [put("a", "3")], { idempotencyKey });
    await expect(other).rejects.toMatchObject({ reason: "IDEMPOTENCY_CONFLICT" });
    clock.advance(3_600_001);
    const late = await mutate(data, mutations, { idempotencyKey });
    expect(late).toMatchObject({ replayed: false });
    expect(codesOf(late)).toEqual([OK, ABORTED, OK]);
    await sweep(data);
  });

  it("also gives a failure again, and lets one of two equal requests at once through", async () => {
    await using fixture = await openDataFixture();
    const { data } = fixture;
    const request = { idempotencyKey, atomic: true };
    const failed = await mutate(data, [withVersion(put("a", ""), 9)], request);
    expect(await mutate(data, [withVersion(put("a", ""), 9)], request)).toEqual({ ...failed, replayed: true });
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => mutate(data, [put("", "new")], { idempotencyKey: "many" })),
    );
    expect(new Set(answers.map(({ results }) => results[0]?.id)).size).toBe(1);
    expect(await keysOf(listed(data))).toHaveLength(1);
  });

  it.each([
    ["in memory", false],
    ["in memory", true],
    ["sqlite", false],
  ])("finds out what an attempt did that was cut off before it was noted (%s, atomic: %s)", async (kind, atomic) => {
    await using folder = await openTemporaryFolder();
    await using items =
      kind === "sqlite" ? await SqliteItemStore.open(`${folder.path}/items.db`) : new MemoryItemStore();
    await using fixture = await openDataFixture();
    const { records, clock } = fixture;
    const mutations = [
      put("", "server's number"),
      put("a", "2"),
      ...(atomic ? [] : [withVersion(put("a", "3"), 1), put("taken", "", { id: "1" })]),
      deletion("b"),
      deletion("b"),
      put("b", "again"),
      put("a", "4"),
    ];
    const start = [put("a", "1"), put("b", "1")];
    await using witness = await openDataFixture({ records, items, clock });
    await mutate(witness.data, start);
    await using dying = await openDataFixture({ records, clock, items: dyingAfter(items, 1) });
    await expect(mutate(dying.data, mutations, { idempotencyKey, atomic })).rejects.toThrow("killed");
    await mutate(witness.data, [put("a", "since then"), deletion("b")]);
    clock.advance(5 * 3_600_000);
    await sweep(witness.data);
    const before = await keysOf(listed(witness.data));
    const { results, replayed } = await mutate(witness.data, mutations, { idempotencyKey, atomic });
    expect(replayed).toBe(true);
    expect(await keysOf(listed(witness.data))).toEqual(before);

    await using other = await openDataFixture({ clock });
    await mutate(other.data, start);
    await mutate(other.data, [put("x", "as the mark does, this takes a version")]);
    const undisturbed = await mutate(other.data, mutations, { atomic });
    const facts = ({ status, version }: (typeof results)[number]): unknown => [status?.code, version];
    expect(results.map(facts)).toEqual(undisturbed.results.map(facts));
    expect(await mutate(witness.data, mutations, { idempotencyKey, atomic })).toEqual({ results, replayed: true });
  });
});
