import { createHash } from "node:crypto";

import { describe, expect, it } from "@jest/globals";
import type { UploadSession } from "@millrace/shared-types";
import { CreateUploadRequest, ServiceError, UploadState } from "@millrace/shared-types";

import { MemoryRecordStore } from "../adapters/memory/memory-record-store.js";
import type { Mutation } from "../ports/record-store.js";

import { createUpload } from "./create-upload.js";
import type { FilesDeps } from "./files-deps.js";
import {
  chunk,
  contextOf,
  cutAfter,
  openFilesFixture,
  pushStream,
  randomContent,
  specOf,
  streamOf,
} from "./files-fixture.test.support.js";
import { finishUpload } from "./finish-upload.js";
import { getUpload } from "./get-upload.js";
import { uploadFile } from "./upload-file.js";

const PART = 1000;
const LIMITS = { limits: { minPartBytes: 100 } };
const sha256 = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");

async function create(deps: FilesDeps, totalSize = 0): Promise<string> {
  const request = CreateUploadRequest.fromPartial({ spec: specOf({ filename: "f", totalSize }), partSize: PART });
  return (await createUpload(request, contextOf(), deps)).upload?.uploadId ?? "";
}

async function get(deps: FilesDeps, uploadId: string): Promise<UploadSession | undefined> {
  return (await getUpload({ uploadId }, contextOf(), deps)).upload;
}

/** A part in chunks of 250 bytes. */
function part(uploadId: string, content: Uint8Array, index: number): ReturnType<typeof chunk>[] {
  const end = Math.min(content.length, (index + 1) * PART);
  const chunks: ReturnType<typeof chunk>[] = [];
  for (let offset = index * PART; offset < end; offset += 250) {
    chunks.push(chunk({ uploadId, offset, content: content.subarray(offset, Math.min(end, offset + 250)) }));
  }
  return chunks;
}

const finish = (deps: FilesDeps, uploadId: string, totalSize = 0): ReturnType<typeof finishUpload> =>
  finishUpload({ uploadId, checksums: undefined, totalSize }, contextOf(), deps);

describe("a parallel upload session", () => {
  it("is put together from streams that write parts in any order, one of which is cut and sent again", async () => {
    await using fixture = await openFilesFixture(LIMITS);
    const deps = fixture.files;
    const content = randomContent(7600);
    const uploadId = await create(deps);
    const orders = [[6, 1], [7], [3, 0], [5, 4]];
    const streams = orders.map((indexes) =>
      uploadFile(streamOf(...indexes.flatMap((index) => part(uploadId, content, index))), contextOf(), deps),
    );
    const lost = cutAfter(new Error("lost"), ...part(uploadId, content, 2).slice(0, 2));
    streams.push(uploadFile(lost, contextOf(), deps));
    const results = await Promise.allSettled(streams);
    expect(results.map(({ status }) => status)).toEqual([...Array<string>(4).fill("fulfilled"), "rejected"]);
    expect(await get(deps, uploadId)).toMatchObject({
      committedSize: 2500,
      committedRanges: [
        { start: 0, end: 2500 },
        { start: 3000, end: 7600 },
      ],
      partSize: PART,
    });
    await expect(finish(deps, uploadId)).rejects.toMatchObject({
      reason: "UPLOAD_SIZE_MISMATCH",
      metadata: { committed_size: "2500", total_size: "7600" },
    });
    await uploadFile(streamOf(...part(uploadId, content, 2)), contextOf(), deps);
    const { file } = await finish(deps, uploadId);
    expect(file).toMatchObject({ size: 7600, checksums: { sha256: sha256(content) } });
    expect((await finish(deps, uploadId)).file).toEqual(file);
    expect(await deps.blobs.listStaged()).toEqual([]);
    expect(deps.parallel.get(uploadId)).toBeUndefined();
  });

  it("does not end the streams of other parts, but the older one of the same part", async () => {
    await using fixture = await openFilesFixture(LIMITS);
    const deps = fixture.files;
    const content = randomContent(2000);
    const uploadId = await create(deps);
    const [zero, one] = [part(uploadId, content, 0), part(uploadId, content, 1)];
    const [older, other, newer] = [pushStream(), pushStream(), pushStream()];
    const ends = [older, other, newer].map((stream) => uploadFile(stream, contextOf(), deps));
    await older.push(...zero.slice(0, 1));
    await other.push(...one.slice(0, 1));
    await newer.push(...zero.slice(0, 2));
    void older.push(...zero.slice(1, 2));
    await expect(ends[0]).rejects.toMatchObject({ reason: "UPLOAD_PREEMPTED" });
    await newer.push(...zero.slice(2));
    await other.push(...one.slice(1));
    newer.halfClose();
    other.halfClose();
    expect(await ends[2]).toMatchObject({ incomplete: true });
    expect(await ends[1]).toMatchObject({ incomplete: true });
    expect((await finish(deps, uploadId, 2000)).file?.checksums?.sha256).toBe(sha256(content));
  });

  it("ends the streams that still write when it is finished", async () => {
    await using fixture = await openFilesFixture(LIMITS);
    const deps = fixture.files;
    const content = randomContent(1000);
    const uploadId = await create(deps);
    const stream = pushStream();
    const ended = uploadFile(stream, contextOf(), deps);
    await stream.push(...part(uploadId, content, 0), chunk({ flush: true }));
    expect((await finish(deps, uploadId)).file?.size).toBe(1000);
    void stream.push(...part(uploadId, randomContent(2000), 1));
    await expect(ended).rejects.toMatchObject({ reason: "UPLOAD_PREEMPTED" });
    expect((await get(deps, uploadId))?.state).toBe(UploadState.COMPLETE);
  });

  it.each([
    ["a chunk across a part's end", { offset: 900, content: Buffer.alloc(200) }, { reason: "INVALID_FIELD" }],
    [
      "a chunk that leaves a hole in its part",
      { offset: 1100, content: Buffer.alloc(1) },
      { reason: "UPLOAD_OFFSET_MISMATCH" },
    ],
    [
      "a part number that is too high",
      { offset: PART * 10_000, content: Buffer.alloc(1) },
      { reason: "LIMIT_EXCEEDED" },
    ],
    ["a chunk behind the declared end", { offset: 5000, content: Buffer.alloc(1) }, { reason: "UPLOAD_SIZE_MISMATCH" }],
  ])("refuses %s", async (name, fields, expected) => {
    await using fixture = await openFilesFixture(LIMITS);
    const uploadId = await create(fixture.files, name.includes("declared") ? 5000 : 0);
    const stream = streamOf(chunk({ uploadId, ...fields }));
    await expect(uploadFile(stream, contextOf(), fixture.files)).rejects.toMatchObject(expected);
  });

  it("rounds its part size up to the limit, and so that the parts are not too many", async () => {
    await using fixture = await openFilesFixture();
    const request = { spec: specOf({ filename: "f" }), partSize: 1 };
    const small = await createUpload(CreateUploadRequest.fromPartial(request), contextOf(), fixture.files);
    expect(small.upload?.partSize).toBe(1024 * 1024);
    const large = await createUpload(
      CreateUploadRequest.fromPartial({ ...request, spec: specOf({ filename: "f", totalSize: 16 * 2 ** 30 }) }),
      contextOf(),
      fixture.files,
    );
    expect(large.upload?.partSize).toBe(Math.ceil((16 * 2 ** 30) / 10_000));
  });

  it("goes on for the next stream after a failure to commit, though a stream of before is still there", async () => {
    let isFull = false;
    class FullRecords extends MemoryRecordStore {
      override async commit(mutations: readonly Mutation[]): Promise<void> {
        if (isFull) throw new ServiceError("QUOTA_EXCEEDED", "the disk of the server is full");
        return super.commit(mutations);
      }
    }
    await using fixture = await openFilesFixture({ ...LIMITS, records: new FullRecords() });
    const deps = fixture.files;
    const content = randomContent(2 * PART);
    const uploadId = await create(deps, content.length);
    const idle = pushStream();
    const idling = uploadFile(idle, contextOf(), deps);
    await idle.push(chunk({ uploadId, offset: PART, content: content.subarray(PART, PART + 100) }));
    isFull = true;
    const failing = chunk({ uploadId, content: content.subarray(0, 100), flush: true });
    await expect(uploadFile(streamOf(failing), contextOf(), deps)).rejects.toMatchObject({ reason: "QUOTA_EXCEEDED" });
    isFull = false;
    await uploadFile(streamOf(...part(uploadId, content, 0)), contextOf(), deps);
    void idle.push(chunk({ offset: PART + 100, content: content.subarray(PART + 100, PART + 200) }));
    await expect(idling).rejects.toMatchObject({ reason: "QUOTA_EXCEEDED" });
    await uploadFile(streamOf(...part(uploadId, content, 1)), contextOf(), deps);
    expect((await finish(deps, uploadId)).file?.checksums?.sha256).toBe(sha256(content));
  });
});
