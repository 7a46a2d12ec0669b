import { describe, expect, it } from "@jest/globals";
import type { FileInfo, PartialMessage } from "@millrace/shared-types";
import { encodeMessage, FileInfo as FileInfoType, ListFilesResponse } from "@millrace/shared-types";

import { deleteFile } from "./delete-file.js";
import type { FilesDeps } from "./files-deps.js";
import { chunk, contextOf, openFilesFixture, specOf, streamOf } from "./files-fixture.test.support.js";
import { getFile } from "./get-file.js";
import { listFiles } from "./list-files.js";
import { updateFile } from "./update-file.js";
import { uploadFile } from "./upload-file.js";

async function publish(deps: FilesDeps, filename: string, content = filename, owner?: string): Promise<FileInfo> {
  const { file } = await uploadFile(
    streamOf(chunk({ spec: specOf({ filename }), content: Buffer.from(content) })),
    contextOf(owner),
    deps,
  );
  if (file === undefined) throw new Error("not published");
  return file;
}

const byName = async (deps: FilesDeps, value: string, owner?: string): Promise<FileInfo | undefined> =>
  (await getFile({ name: { $case: "filename", value } }, contextOf(owner), deps)).file;
const byId = async (deps: FilesDeps, value: string): Promise<FileInfo | undefined> =>
  (await getFile({ name: { $case: "fileId", value } }, contextOf(), deps)).file;
const remove = (deps: FilesDeps, fileId: string, fields = {}): ReturnType<typeof deleteFile> =>
  deleteFile({ fileId, ifGenerationMatch: undefined, allowMissing: false, ...fields }, contextOf(), deps);
const update = async (
  deps: FilesDeps,
  file: PartialMessage<FileInfo>,
  updateMask: string[],
  ifMetagenerationMatch?: number,
): Promise<FileInfo | undefined> =>
  (await updateFile({ file: FileInfoType.fromPartial(file), updateMask, ifMetagenerationMatch }, contextOf(), deps))
    .file;

describe("generations of a name", () => {
  it("count up; the name means the newest one, and older ones stay under their ids", async () => {
    await using fixture = await openFilesFixture();
    const [one, two] = [await publish(fixture.files, "f", "1"), await publish(fixture.files, "f", "2")];
    expect([one.generation, two.generation]).toEqual([1, 2]);
    expect((await byName(fixture.files, "f"))?.fileId).toBe(two.fileId);
    expect((await byId(fixture.files, one.fileId))?.generation).toBe(1);
    await remove(fixture.files, two.fileId);
    expect((await byName(fixture.files, "f"))?.fileId).toBe(one.fileId);
    await remove(fixture.files, one.fileId);
    await expect(byName(fixture.files, "f")).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
    expect((await publish(fixture.files, "f", "3")).generation).toBe(3); // no generation comes twice
  });

  it("belong to one owner each", async () => {
    await using fixture = await openFilesFixture();
    const [alices, bobs] = [await publish(fixture.files, "f"), await publish(fixture.files, "f", "b", "bob")];
    expect([alices.generation, bobs.generation]).toEqual([1, 1]);
    expect((await byName(fixture.files, "f", "bob"))?.fileId).toBe(bobs.fileId);
    await expect(byId(fixture.files, bobs.fileId)).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
  });
});

describe("ListFiles", () => {
  it("lists in order of name, bytewise, newest generation first, page by page", async () => {
    await using fixture = await openFilesFixture();
    const names = ["a", "a b", "a/b", "ab", "b", "\u00e9", "\uff5e", "\u{1f600}"];
    for (const name of names.toReversed()) await publish(fixture.files, name);
    await publish(fixture.files, "ab", "newer");
    await publish(fixture.files, "mine", "x", "bob");
    const seen: string[] = [];
    for (let pageToken = ""; ;) {
      const page = await listFiles({ prefix: "", pageSize: 2, pageToken }, contextOf(), fixture.files);
      seen.push(...page.files.map(({ filename, generation }) => `${filename}@${String(generation)}`));
      pageToken = page.nextPageToken;
      if (pageToken === "") break;
    }
    expect(seen).toEqual(["a@1", "a b@1", "a/b@1", "ab@2", "ab@1", "b@1", "\u00e9@1", "\uff5e@1", "\u{1f600}@1"]);
  });

  it("lists names with a prefix only", async () => {
    await using fixture = await openFilesFixture();
    for (const name of ["logs/1", "logs/2", "logs", "logsx"]) await publish(fixture.files, name);
    const { files, nextPageToken } = await listFiles(
      { prefix: "logs/", pageSize: 9, pageToken: "" },
      contextOf(),
      fixture.files,
    );
    expect(files.map(({ filename }) => filename)).toEqual(["logs/1", "logs/2"]);
    expect(nextPageToken).toBe("");
  });

  it("refuses a token of another listing or another caller, and a damaged one", async () => {
    await using fixture = await openFilesFixture();
    for (const name of ["a", "b"]) await publish(fixture.files, name);
    const { nextPageToken } = await listFiles({ prefix: "", pageSize: 1, pageToken: "" }, contextOf(), fixture.files);
    const list = (prefix: string, pageToken: string, owner?: string): Promise<unknown> =>
      listFiles({ prefix, pageSize: 1, pageToken }, contextOf(owner), fixture.files);
    const invalid = { reason: "INVALID_CURSOR" };
    await expect(list("x", nextPageToken)).rejects.toMatchObject(invalid);
    await expect(list("", nextPageToken, "bob")).rejects.toMatchObject(invalid);
    await expect(list("", nextPageToken.slice(1))).rejects.toMatchObject(invalid);
    await expect(list("", nextPageToken)).resolves.toMatchObject({ files: [{ filename: "b" }] });
  });

  it("lists files that are described at length in pages that fit into a message", async () => {
    await using fixture = await openFilesFixture();
    const metadata = new Map([["k", "v".repeat(8000)]]);
    for (let index = 0; index < 150; index += 1) {
      const spec = specOf({ filename: `f${String(index)}`, metadata });
      await uploadFile(streamOf(chunk({ spec, content: Buffer.from("x") })), contextOf(), fixture.files);
    }
    const first = await listFiles({ prefix: "", pageSize: 1000, pageToken: "" }, contextOf(), fixture.files);
    expect(encodeMessage(ListFilesResponse, first).length).toBeLessThan(1.1 * 1024 * 1024);
    const request = { prefix: "", pageSize: 1000, pageToken: first.nextPageToken };
    const second = await listFiles(request, contextOf(), fixture.files);
    expect(second.nextPageToken).toBe("");
    const names = [...first.files, ...second.files].map(({ filename }) => filename);
    expect(new Set(names).size).toBe(150);
    expect(names).toHaveLength(150);
  });

  it("refuses a prefix that is longer than any name", async () => {
    await using fixture = await openFilesFixture();
    const request = { prefix: "x".repeat(1025), pageSize: 0, pageToken: "" };
    await expect(listFiles(request, contextOf(), fixture.files)).rejects.toMatchObject({ reason: "LIMIT_EXCEEDED" });
  });

  it("refuses a negative page size", async () => {
    await using fixture = await openFilesFixture();
    const list = listFiles({ prefix: "", pageSize: -1, pageToken: "" }, contextOf(), fixture.files);
    await expect(list).rejects.toMatchObject({ reason: "INVALID_FIELD", fieldViolations: [{ field: "page_size" }] });
  });
});

describe("UpdateFile", () => {
  it("changes what the mask names, and counts the change", async () => {
    await using fixture = await openFilesFixture();
    const { fileId } = await publish(fixture.files, "f");
    fixture.clock.advance(5000);
    const changes = {
      fileId,
      contentType: "text/plain; charset=utf-8",
      metadata: new Map([["k", "v"]]),
      filename: "ignored",
    };
    const changed = await update(fixture.files, changes, ["content_type", "metadata"], 1);
    expect(changed).toMatchObject({
      filename: "f",
      contentType: "text/plain; charset=utf-8",
      metageneration: 2,
      generation: 1,
    });
    expect(changed?.metadata).toEqual(new Map([["k", "v"]]));
    expect(changed?.updateTime?.seconds).toBe((changed?.createTime?.seconds ?? 0) + 5);
    expect(await byId(fixture.files, fileId)).toEqual(changed);
  });

  it("renames: the file becomes the next generation of its new name", async () => {
    await using fixture = await openFilesFixture();
    const [moved, there] = [await publish(fixture.files, "old"), await publish(fixture.files, "new")];
    const renamed = await update(fixture.files, { fileId: moved.fileId, filename: "new" }, ["filename"]);
    expect(renamed).toMatchObject({ fileId: moved.fileId, filename: "new", generation: 2 });
    expect((await byName(fixture.files, "new"))?.fileId).toBe(moved.fileId);
    expect((await byId(fixture.files, there.fileId))?.generation).toBe(1);
    await expect(byName(fixture.files, "old")).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
    const { files } = await listFiles({ prefix: "", pageSize: 0, pageToken: "" }, contextOf(), fixture.files);
    expect(files.map(({ fileId }) => fileId)).toEqual([moved.fileId, there.fileId]);
  });

  it("sets the time when a file expires, and takes it back", async () => {
    await using fixture = await openFilesFixture();
    const { fileId } = await publish(fixture.files, "f");
    const expireTime = { seconds: Date.UTC(2027, 0, 1) / 1000, nanos: 0 };
    expect((await update(fixture.files, { fileId, expireTime }, ["expire_time"]))?.expireTime).toEqual(expireTime);
    expect((await update(fixture.files, { fileId }, ["expire_time"]))?.expireTime).toBeUndefined();
  });

  it.each([
    [{ contentType: "x/y" }, [], undefined, "INVALID_FIELD"],
    [{ contentType: "x/y" }, ["size"], undefined, "INVALID_FIELD"],
    [{ contentType: "x/y" }, ["constructor"], undefined, "INVALID_FIELD"],
    [{ filename: "../x" }, ["filename"], undefined, "UNSAFE_FILENAME"],
    [{ expireTime: { seconds: 1e15, nanos: 0 } }, ["expire_time"], undefined, "INVALID_FIELD"],
    [{ contentType: "x/y" }, ["content_type"], 7, "REVISION_MISMATCH"],
    [{ fileId: "" }, ["content_type"], undefined, "INVALID_FIELD"],
    [{ fileId: "none" }, ["content_type"], undefined, "RESOURCE_NOT_FOUND"],
  ])("refuses %j with the mask %j", async (fields, mask, metageneration, reason) => {
    await using fixture = await openFilesFixture();
    const { fileId } = await publish(fixture.files, "f");
    const changed = update(fixture.files, { fileId, ...fields }, mask, metageneration);
    await expect(changed).rejects.toMatchObject({ reason });
    expect((await byId(fixture.files, fileId))?.metageneration).toBe(1);
  });

  it("loses no change of many made at once", async () => {
    await using fixture = await openFilesFixture();
    const { fileId } = await publish(fixture.files, "f");
    await Promise.all(
      Array.from({ length: 20 }, () => update(fixture.files, { fileId, contentType: "x/y" }, ["content_type"])),
    );
    expect((await byId(fixture.files, fileId))?.metageneration).toBe(21);
  });
});

describe("DeleteFile", () => {
  it("deletes once; a second time only if that is allowed", async () => {
    await using fixture = await openFilesFixture();
    const { fileId } = await publish(fixture.files, "f");
    await remove(fixture.files, fileId);
    await expect(remove(fixture.files, fileId)).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
    await expect(remove(fixture.files, fileId, { allowMissing: true })).resolves.toEqual({});
  });

  it("leaves a file that has another generation", async () => {
    await using fixture = await openFilesFixture();
    const { fileId } = await publish(fixture.files, "f");
    await expect(remove(fixture.files, fileId, { ifGenerationMatch: 2 })).rejects.toMatchObject({
      reason: "REVISION_MISMATCH",
      metadata: { expected: "2", actual: "1" },
    });
    await remove(fixture.files, fileId, { ifGenerationMatch: 1 });
  });
});
