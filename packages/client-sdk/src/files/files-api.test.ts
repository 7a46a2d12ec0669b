import { describe, expect, it } from "@jest/globals";

import { openFiles, testBytes } from "./open-files.test.support.js";

describe("files", () => {
  it("can be described by id and by name", async () => {
    await using opened = openFiles();
    const { fileId } = opened.server.add("a/b.txt", testBytes(5));
    const file = await opened.files.stat(fileId);
    expect(file).toMatchObject({ fileId, filename: "a/b.txt", size: 5, expiresAt: undefined });
    expect(file.createdAt).toBeInstanceOf(Date);
    expect(await opened.files.stat({ filename: "a/b.txt" })).toEqual(file);
    await expect(opened.files.stat("nothing")).rejects.toMatchObject({ kind: "not-found" });
  });

  it("are listed over all pages, fetched as the loop goes on", async () => {
    await using opened = openFiles();
    for (let n = 0; n < 7; n++) opened.server.add(`a${String(n)}`, testBytes(n));
    opened.server.add("b", testBytes(1));
    const names: string[] = [];
    for await (const { filename } of opened.files.list({ prefix: "a", pageSize: 3 })) names.push(filename);
    expect(names).toEqual(["a0", "a1", "a2", "a3", "a4", "a5", "a6"]);
    const before = opened.faults.started;
    for await (const _ of opened.files.list({ pageSize: 3 })) break;
    expect(opened.faults.started - before).toBe(1);
  });

  it("can be left in the middle of a page that does not come, and listed again", async () => {
    let isStalled = true;
    await using opened = openFiles(() => (isStalled ? { stallAfter: { messages: 0 } } : undefined));
    opened.server.add("a", testBytes(1));
    const files = opened.files.list({ pageSize: 3 });
    const left = files[Symbol.asyncIterator]();
    const pending = left.next();
    await left.return?.();
    expect(await pending).toEqual({ done: true, value: undefined });
    expect(opened.transport.liveCalls).toBe(0);
    isStalled = false;
    for (let round = 0; round < 2; round++) {
      const names: string[] = [];
      for await (const { filename } of files) names.push(filename);
      expect(names).toEqual(["a"]);
    }
  });

  it("change only in what is named", async () => {
    await using opened = openFiles();
    const { fileId } = opened.server.add("old", testBytes(1));
    expect(await opened.files.update(fileId, { filename: "new" })).toMatchObject({
      filename: "new",
      metageneration: 2,
    });
    expect(await opened.files.update(fileId, { contentType: "text/plain" })).toMatchObject({ filename: "new" });
  });

  it("are gone once deleted", async () => {
    await using opened = openFiles();
    const { fileId } = opened.server.add("a", testBytes(1));
    await opened.files.delete(fileId);
    await expect(opened.files.delete(fileId)).rejects.toMatchObject({ kind: "not-found" });
    await opened.files.delete(fileId, { allowMissing: true });
  });
});
