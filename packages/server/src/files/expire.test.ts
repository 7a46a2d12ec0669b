import { setImmediate } from "node:timers/promises";

import { describe, expect, it } from "@jest/globals";
import { CreateUploadRequest, DownloadRequest } from "@millrace/shared-types";

import { MemoryBlobStore } from "../adapters/memory/memory-blob-store.js";
import { MemoryRecordStore } from "../adapters/memory/memory-record-store.js";

import { createUpload } from "./create-upload.js";
import { deleteFile } from "./delete-file.js";
import { downloadFile } from "./download-file.js";
import { sweep } from "./expire.js";
import type { FilesDeps } from "./files-deps.js";
import {
  chunk,
  collect,
  contextOf,
  openFilesFixture,
  randomContent,
  seedChunks,
  specOf,
  streamOf,
} from "./files-fixture.test.support.js";
import { getUpload } from "./get-upload.js";
import { listFiles } from "./list-files.js";
import { uploadFile } from "./upload-file.js";

const DAY_MS = 24 * 60 * 60 * 1000;

async function openSession(deps: FilesDeps, idempotencyKey = ""): Promise<string> {
  const request = CreateUploadRequest.fromPartial({ spec: specOf({ filename: "f" }), idempotencyKey });
  const uploadId = (await createUpload(request, contextOf(), deps)).upload?.uploadId ?? "";
  await uploadFile(streamOf(chunk({ uploadId, content: Buffer.from("abc") })), contextOf(), deps);
  return uploadId;
}

/** Sweeps until nothing is due. */
async function sweepAll(deps: FilesDeps): Promise<void> {
  while ((await sweep(deps)) > 0);
}

async function allRecords({ records }: FilesDeps): Promise<string[]> {
  const collections = ["uploads", "openuploads", "uploadkeys", "files", "names", "generations", "references", "due"];
  const found = await Promise.all(collections.map((name) => records.scan(name, { limit: 100 })));
  return found.flat().map(({ key }) => key);
}

describe("an idle upload session", () => {
  it("expires, gives its bytes back, says so for a while, and is forgotten", async () => {
    await using fixture = await openFilesFixture();
    const { files, clock } = fixture;
    const uploadId = await openSession(files, "key");
    clock.advance(DAY_MS - 1);
    await sweepAll(files);
    expect(await files.blobs.stagedBytes()).toBe(3);
    clock.advance(1);
    await expect(getUpload({ uploadId }, contextOf(), files)).rejects.toMatchObject({ reason: "UPLOAD_EXPIRED" });
    await sweepAll(files);
    expect(await files.blobs.listStaged()).toEqual([]);
    const stream = streamOf(chunk({ uploadId, content: Buffer.from("d"), offset: 3 }));
    await expect(uploadFile(stream, contextOf(), files)).rejects.toMatchObject({ reason: "UPLOAD_EXPIRED" });
    clock.advance(DAY_MS);
    await sweepAll(files);
    await expect(getUpload({ uploadId }, contextOf(), files)).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
    expect(await allRecords(files)).toEqual([]);
  });

  it("lives longer when it is written to", async () => {
    await using fixture = await openFilesFixture();
    const { files, clock } = fixture;
    const uploadId = await openSession(files);
    clock.advance(DAY_MS / 2);
    await uploadFile(streamOf(chunk({ uploadId, content: Buffer.from("d"), offset: 3 })), contextOf(), files);
    clock.advance(DAY_MS - 1);
    await sweepAll(files);
    expect((await getUpload({ uploadId }, contextOf(), files)).upload?.committedSize).toBe(4);
    clock.advance(1);
    await sweepAll(files);
    expect(await files.blobs.listStaged()).toEqual([]);
  });

  it("frees its idempotency key", async () => {
    await using fixture = await openFilesFixture();
    const { files, clock } = fixture;
    const first = await openSession(files, "key");
    clock.advance(DAY_MS);
    const second = await openSession(files, "key");
    expect(second).not.toBe(first);
    clock.advance(DAY_MS / 2);
    await sweepAll(files);
    expect(await openSession(files, "key")).toBe(second);
  });
});

describe("a file with a ttl", () => {
  it("is gone when its time is over, and its content with it", async () => {
    await using fixture = await openFilesFixture();
    const { files, clock } = fixture;
    const spec = specOf({ filename: "f", ttl: { seconds: 60, nanos: 0 } });
    const { fileId } = await uploadFile(streamOf(chunk({ spec, content: Buffer.from("x") })), contextOf(), files);
    const download = (): Promise<unknown> =>
      collect(downloadFile(DownloadRequest.fromPartial({ fileId }), contextOf(), files));
    clock.advance(59_999);
    await sweepAll(files);
    await expect(download()).resolves.toHaveLength(1);
    clock.advance(1);
    await expect(download()).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
    expect((await listFiles({ prefix: "", pageSize: 0, pageToken: "" }, contextOf(), files)).files).toEqual([]);
    await sweepAll(files);
    expect(await files.blobs.list({ limit: 1 })).toEqual([]);
    clock.advance(31 * DAY_MS);
    await sweepAll(files);
    expect(await allRecords(files)).toEqual([]);
  });
});

describe("content", () => {
  it("stays as long as one file needs it", async () => {
    await using fixture = await openFilesFixture();
    const { files } = fixture;
    const content = randomContent(1000);
    const uploads = ["a", "b"].map((name) => uploadFile(streamOf(...seedChunks(name, content)), contextOf(), files));
    const [a, b] = await Promise.all(uploads);
    expect(await files.blobs.list({ limit: 10 })).toEqual([a?.checksum]);
    const remove = (fileId = ""): Promise<unknown> =>
      deleteFile({ fileId, ifGenerationMatch: undefined, allowMissing: false }, contextOf(), files);
    await remove(a?.fileId);
    expect(await files.blobs.list({ limit: 10 })).toEqual([b?.checksum]);
    await remove(b?.fileId);
    expect(await files.blobs.list({ limit: 10 })).toEqual([]);
  });

  it("is never lost when the same content is deleted and published at once", async () => {
    await using fixture = await openFilesFixture();
    const { files } = fixture;
    const content = randomContent(100);
    let { fileId } = await uploadFile(streamOf(...seedChunks("f", content)), contextOf(), files);
    for (let round = 0; round < 50; round += 1) {
      const request = { fileId, ifGenerationMatch: undefined, allowMissing: false };
      const [published] = await Promise.all([
        uploadFile(streamOf(...seedChunks("f", content)), contextOf(), files),
        deleteFile(request, contextOf(), files),
      ]);
      fileId = published.fileId;
      await expect(
        collect(downloadFile(DownloadRequest.fromPartial({ fileId }), contextOf(), files)),
      ).resolves.toHaveLength(1);
    }
  });
});

describe("the start after a crash", () => {
  it("drops staged bytes without a session and content without a file, and keeps the rest", async () => {
    const stores = { blobs: new MemoryBlobStore(), records: new MemoryRecordStore() };
    await using before = await openFilesFixture(stores);
    const uploadId = await openSession(before.files);
    const kept = await uploadFile(streamOf(...seedChunks("kept", randomContent(10))), contextOf(), before.files);
    const orphan = await stores.blobs.stage("orphan");
    await orphan.write(0, Buffer.from("seed-style"));
    const lost = await stores.blobs.stage("lost");
    await lost.write(0, Buffer.from("published, but not committed"));
    await lost.publish(await lost.digest(28, { signal: new AbortController().signal }));

    await using after = await openFilesFixture(stores);
    while (after.clock.timers === 0) await setImmediate(); // the first round ends when the next one is set
    expect(await stores.blobs.listStaged()).toEqual([uploadId]);
    expect(await stores.blobs.list({ limit: 10 })).toEqual([kept.checksum]);
  });
});
