import { describe, expect, it } from "@jest/globals";
import { Item, type PartialMessage, StatusCode } from "@millrace/shared-types";

import { MemoryItemStore } from "../adapters/memory/memory-item-store.js";
import { collect, contextOf } from "../files/files-fixture.test.support.js";

import { listedItems, openDataFixture } from "./data-fixture.test.support.js";
import { uploadItems } from "./upload-items.js";

async function* streamOf(items: Iterable<PartialMessage<Item>>): AsyncGenerator<Item, void, undefined> {
  for (const item of items) yield Item.fromPartial(item);
}

function numbered(count: number, text = "data"): PartialMessage<Item>[] {
  return Array.from({ length: count }, (_, n) => ({ id: `i${String(n)}`, data: Buffer.from(text) }));
}

describe("UploadItems", () => {
  it("stores items and counts them; those that come again are duplicates, and changed ones are replaced (S15)", async () => {
    await using fixture = await openDataFixture();
    const upload = (items: Iterable<PartialMessage<Item>>): ReturnType<typeof uploadItems> =>
      uploadItems(streamOf(items), contextOf(), fixture.data);
    expect(await upload(numbered(1200))).toMatchObject({ itemCount: 1200, totalSize: 4800, duplicateCount: 0 });
    expect(await upload(numbered(1200))).toMatchObject({ itemCount: 0, totalSize: 0, duplicateCount: 1200 });
    const changed = [...numbered(2, "other"), ...numbered(3).slice(2)];
    expect(await upload(changed)).toMatchObject({ itemCount: 2, totalSize: 10, duplicateCount: 1 });
    expect(await collect(listedItems(fixture.data))).toHaveLength(1200);
  });

  it("gives items without an id one, in the order in which they came", async () => {
    await using fixture = await openDataFixture();
    const items = Array.from({ length: 600 }, (_, n) => ({ data: Buffer.from(String(n)), name: `n${String(n)}` }));
    expect(await uploadItems(streamOf(items), contextOf(), fixture.data)).toMatchObject({ itemCount: 600 });
    const stored = await collect(listedItems(fixture.data));
    expect(stored.map(({ name }) => name)).toEqual(items.map(({ name }) => name));
  });

  it("counts what it refuses, tells of the first hundred, and goes on", async () => {
    await using fixture = await openDataFixture();
    const items = Array.from({ length: 300 }, (_, n) => (n % 2 === 0 ? { id: String(n) } : { id: "x".repeat(1025) }));
    const response = await uploadItems(streamOf(items), contextOf(), fixture.data);
    expect(response).toMatchObject({ itemCount: 150, rejectedCount: 150 });
    expect(response.itemErrors).toHaveLength(100);
    const status = { code: StatusCode.INVALID_ARGUMENT, message: "id: max_item_key_bytes is 1024, not 1025" };
    expect(response.itemErrors[1]).toMatchObject({ index: 3, status });
  });

  it("stores what has come in while it reads, never more than a chunk behind, and keeps it if the stream is cut", async () => {
    const items = new MemoryItemStore();
    await using fixture = await openDataFixture({ items });
    const rows = async (): Promise<number> => (await collect(listedItems(fixture.data))).length;
    let furthestBehind = 0;
    async function* cut(): AsyncGenerator<Item, void, undefined> {
      for (const [sent, item] of numbered(2100).entries()) {
        if (sent % 100 === 0) furthestBehind = Math.max(furthestBehind, sent - (await rows()));
        yield Item.fromPartial(item);
      }
      throw new Error("cut");
    }
    await expect(uploadItems(cut(), contextOf(), fixture.data)).rejects.toThrow("cut");
    expect(furthestBehind).toBe(400);
    expect(await rows()).toBe(2000);
  });

  it("reads the collection from the first message, and refuses one that does not exist", async () => {
    await using fixture = await openDataFixture();
    const items = [{ id: "a", collection: "default" }, { id: "b" }];
    await uploadItems(streamOf(items), contextOf(), fixture.data);
    expect(await collect(listedItems(fixture.data, { collection: "default" }))).toHaveLength(2);
    const unknown = uploadItems(streamOf([{ id: "a", collection: "nope" }]), contextOf(), fixture.data);
    await expect(unknown).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
    expect(await uploadItems(streamOf([]), contextOf(), fixture.data)).toMatchObject({ itemCount: 0 });
  });
});
