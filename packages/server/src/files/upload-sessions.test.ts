import { describe, expect, it } from "@jest/globals";
import { crc32c, UploadState } from "@millrace/shared-types";

import { MemoryRecordStore } from "../adapters/memory/memory-record-store.js";
import type { Mutation } from "../ports/record-store.js";
import { latch } from "../testing/latch.js";

import { cancelUpload } from "./cancel-upload.js";
import {
  callOf,
  chunk,
  collect,
  contextOf,
  createSession,
  cutAfter,
  downloadedSha256,
  finishSession,
  openFilesFixture,
  pushStream,
  randomContent,
  sessionOf,
  sha256,
  streamOf,
} from "./files-fixture.test.support.js";
import { listFiles } from "./list-files.js";
import { listUploads } from "./list-uploads.js";
import { uploadFile } from "./upload-file.js";
import { writeFile } from "./write-file.js";

describe("a sequential upload session", () => {
  it("keeps what came before a cut, tells how much, and is finished by a later stream", async () => {
    await using fixture = await openFilesFixture();
    const deps = fixture.files;
    const content = randomContent(100_000);
    const { uploadId } = await createSession(deps, { spec: { filename: "f" } });
    const cut = cutAfter(new Error("connection lost"), chunk({ uploadId, content: content.subarray(0, 60_000) }));
    await expect(uploadFile(cut, contextOf(), deps)).rejects.toThrow("connection lost");
    expect(await sessionOf(deps, uploadId)).toMatchObject({
      committedSize: 60_000,
      committedChecksums: { crc32c: crc32c(content.subarray(0, 60_000)) },
      state: UploadState.OPEN,
      file: undefined,
    });
    const rest = chunk({ uploadId, content: content.subarray(50_000), offset: 50_000, finishWrite: true });
    const answer = await uploadFile(streamOf(rest), contextOf(), deps);
    expect(answer).toMatchObject({ size: 100_000, checksum: sha256(content), incomplete: false, uploadId });
    expect(await sessionOf(deps, uploadId)).toMatchObject({
      state: UploadState.COMPLETE,
      file: { fileId: answer.fileId },
    });
    expect(await downloadedSha256(deps, answer.fileId)).toBe(sha256(content));
  });

  it("stays open when its stream half-closes without finish_write", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await createSession(fixture.files, { spec: { filename: "f" } });
    const answer = await uploadFile(
      streamOf(chunk({ uploadId, content: Buffer.from("abc") })),
      contextOf(),
      fixture.files,
    );
    expect(answer).toMatchObject({ incomplete: true, committedSize: 3, fileId: "", checksum: "", file: undefined });
  });

  it("gives the same answer again once it is complete", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await createSession(fixture.files, { spec: { filename: "f" } });
    const last = chunk({ uploadId, content: Buffer.from("abc"), finishWrite: true });
    const first = await uploadFile(streamOf(last), contextOf(), fixture.files);
    expect(await uploadFile(streamOf(last), contextOf(), fixture.files)).toEqual(first);
    expect((await finishSession(fixture.files, { uploadId })).file).toEqual(first.file);
    expect((await finishSession(fixture.files, { uploadId })).file).toEqual(first.file);
    const acks = await collect(writeFile(streamOf(last), contextOf(), fixture.files));
    expect(acks).toMatchObject([{ uploadId, committedSize: 3, file: { fileId: first.fileId } }]);
    const { files } = await listFiles({ prefix: "", pageSize: 0, pageToken: "" }, contextOf(), fixture.files);
    expect(files).toHaveLength(1);
  });

  it("gives two who finish it at once the same file", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await createSession(fixture.files, { spec: { filename: "f" } });
    await uploadFile(streamOf(chunk({ uploadId, content: randomContent(50_000) })), contextOf(), fixture.files);
    const answers = await Promise.all([1, 2, 3].map(() => finishSession(fixture.files, { uploadId })));
    expect(new Set(answers.map(({ file }) => file?.fileId)).size).toBe(1);
    expect(await fixture.files.blobs.listStaged()).toEqual([]);
  });

  it("makes bytes durable after 4 MiB, and after one second", async () => {
    await using fixture = await openFilesFixture();
    const deps = fixture.files;
    const { uploadId } = await createSession(deps, { spec: { filename: "f" } });
    const stream = pushStream();
    const acks = writeFile(stream, contextOf(), deps);
    const mib = randomContent(1024 * 1024);
    const first = acks.next();
    for (let offset = 0; offset < 5 * mib.length; offset += mib.length) {
      await stream.push(chunk({ uploadId, content: mib, offset }));
    }
    const ack = (await first).value;
    expect(ack?.committedSize).toBeGreaterThanOrEqual(3 * mib.length);
    expect((await sessionOf(deps, uploadId)).committedSize).toBe(ack?.committedSize);
    fixture.clock.advance(1000);
    let committedSize = 0;
    while (committedSize < 5 * mib.length) committedSize = (await acks.next()).value?.committedSize ?? Infinity;
    expect((await sessionOf(deps, uploadId)).committedSize).toBe(5 * mib.length);
    stream.halfClose();
    expect((await collect(acks)).at(-1)).toMatchObject({ committedSize: 5 * mib.length, file: undefined });
  });

  it("refuses a hole, naming what is durable by then", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await createSession(fixture.files, { spec: { filename: "f" } });
    const chunks = [chunk({ uploadId, content: Buffer.from("abc") }), chunk({ content: Buffer.from("x"), offset: 9 })];
    await expect(uploadFile(streamOf(...chunks), contextOf(), fixture.files)).rejects.toMatchObject({
      reason: "UPLOAD_OFFSET_MISMATCH",
      metadata: { committed_size: "3" },
    });
    expect((await sessionOf(fixture.files, uploadId)).committedSize).toBe(3);
  });

  it("loses nothing to a chunk that does not match its checksum, and takes it when it is sent again", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await createSession(fixture.files, { spec: { filename: "f" } });
    const bad = [
      chunk({ uploadId, content: Buffer.from("abc") }),
      chunk({ content: Buffer.from("dxf"), offset: 3, crc32c: crc32c(Buffer.from("def")) }),
    ];
    await expect(uploadFile(streamOf(...bad), contextOf(), fixture.files)).rejects.toMatchObject({
      reason: "CHECKSUM_MISMATCH",
    });
    expect((await sessionOf(fixture.files, uploadId)).committedSize).toBe(3);
    const good = chunk({ uploadId, content: Buffer.from("def"), offset: 3, finishWrite: true });
    expect((await uploadFile(streamOf(good), contextOf(), fixture.files)).checksum).toBe(sha256(Buffer.from("abcdef")));
  });

  it("is taken over by a newer stream; the older one ends", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await createSession(fixture.files, { spec: { filename: "f" } });
    const older = pushStream();
    const ended = uploadFile(older, contextOf(), fixture.files);
    await older.push(chunk({ uploadId, content: Buffer.from("abc") }));
    const newer = chunk({ uploadId, content: Buffer.from("abcdef"), finishWrite: true });
    const answer = await uploadFile(streamOf(newer), contextOf(), fixture.files);
    void older.push(chunk({ content: Buffer.from("XYZ"), offset: 3 }), chunk({ content: Buffer.from("Z"), offset: 6 }));
    await expect(ended).rejects.toMatchObject({ reason: "UPLOAD_PREEMPTED" });
    expect(await downloadedSha256(fixture.files, answer.fileId)).toBe(sha256(Buffer.from("abcdef")));
  });

  it("never loses committed bytes when streams take it over again and again", async () => {
    await using fixture = await openFilesFixture();
    const content = randomContent(20_000);
    const { uploadId } = await createSession(fixture.files, { spec: { filename: "f", totalSize: content.length } });
    let committed = 0;
    const streams: Promise<unknown>[] = [];
    while (committed < content.length) {
      const stream = pushStream();
      streams.push(uploadFile(stream, contextOf(), fixture.files).catch((error: unknown) => error));
      const pieces = [0, 1000].map((more) => committed + more).filter((offset) => offset < content.length);
      await stream.push(
        ...pieces.map((offset) =>
          chunk({ uploadId, offset, content: content.subarray(offset, offset + 1000), flush: offset === committed }),
        ),
      );
      const now = (await sessionOf(fixture.files, uploadId)).committedSize ?? 0;
      expect(now).toBeGreaterThanOrEqual(committed + 1000);
      committed = now;
    }
    const { file } = await finishSession(fixture.files, { uploadId, checksums: { sha256: sha256(content) } });
    expect(file?.size).toBe(content.length);
    expect(streams.length).toBeGreaterThan(5);
  });

  it("says where a drained stream can go on, and keeps what it had received", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await createSession(fixture.files, { spec: { filename: "f" } });
    const call = callOf();
    const stream = pushStream();
    const ended = uploadFile(stream, call.context, fixture.files);
    await stream.push(
      chunk({ uploadId, content: Buffer.from("abc"), flush: true }),
      chunk({ content: Buffer.from("de"), offset: 3 }),
    );
    expect(call.resumePosition()).toBe("3");
    stream.cut(new Error("draining"));
    await expect(ended).rejects.toThrow("draining");
    expect((await sessionOf(fixture.files, uploadId)).committedSize).toBe(5);
  });

  it("is aborted, and its bytes dropped, when the whole file does not match its checksum", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await createSession(fixture.files, {
      spec: { filename: "f", checksums: { sha256: "0".repeat(64) } },
    });
    const all = chunk({ uploadId, content: Buffer.from("abc"), finishWrite: true });
    await expect(uploadFile(streamOf(all), contextOf(), fixture.files)).rejects.toMatchObject({
      reason: "CHECKSUM_MISMATCH",
      metadata: { scope: "file", expected: "0".repeat(64), actual: sha256(Buffer.from("abc")) },
    });
    expect((await sessionOf(fixture.files, uploadId)).state).toBe(UploadState.ABORTED);
    expect(await fixture.files.blobs.listStaged()).toEqual([]);
    expect(await fixture.files.blobs.list({ limit: 1 })).toEqual([]);
    await expect(uploadFile(streamOf(all), contextOf(), fixture.files)).rejects.toMatchObject({
      reason: "UPLOAD_EXPIRED",
    });
  });

  it("stays open when it is finished short of its declared size", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await createSession(fixture.files, { spec: { filename: "f", totalSize: 4 } });
    const short = chunk({ uploadId, content: Buffer.from("abc"), finishWrite: true });
    await expect(uploadFile(streamOf(short), contextOf(), fixture.files)).rejects.toMatchObject({
      reason: "UPLOAD_SIZE_MISMATCH",
      metadata: { committed_size: "3", total_size: "4" },
    });
    const rest = chunk({ uploadId, content: Buffer.from("d"), offset: 3, finishWrite: true });
    expect((await uploadFile(streamOf(rest), contextOf(), fixture.files)).size).toBe(4);
  });

  it("remembers a size that was declared in an earlier stream", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await createSession(fixture.files, { spec: { filename: "f" } });
    await uploadFile(
      streamOf(chunk({ uploadId, content: Buffer.from("ab"), totalSize: 3 })),
      contextOf(),
      fixture.files,
    );
    const beyond = chunk({ uploadId, content: Buffer.from("cd"), offset: 2 });
    await expect(uploadFile(streamOf(beyond), contextOf(), fixture.files)).rejects.toMatchObject({
      reason: "UPLOAD_SIZE_MISMATCH",
    });
  });

  it("does not tell a stranger's session from one that never was", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await createSession(fixture.files, { spec: { filename: "f" } });
    const expected = { reason: "RESOURCE_NOT_FOUND", message: `upload "${uploadId}" not found` };
    const mallory = contextOf("mallory");
    await expect(sessionOf(fixture.files, uploadId, "mallory")).rejects.toMatchObject(expected);
    await expect(cancelUpload({ uploadId }, mallory, fixture.files)).rejects.toMatchObject(expected);
    await expect(uploadFile(streamOf(chunk({ uploadId })), mallory, fixture.files)).rejects.toMatchObject(expected);
    await expect(collect(writeFile(streamOf(chunk({ uploadId })), mallory, fixture.files))).rejects.toMatchObject(
      expected,
    );
    await expect(finishSession(fixture.files, { uploadId }, "mallory")).rejects.toMatchObject(expected);
    await expect(sessionOf(fixture.files, "never")).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
  });

  it("can be cancelled, twice, and ends the stream that writes it", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await createSession(fixture.files, { spec: { filename: "f" } });
    const stream = pushStream();
    const ended = uploadFile(stream, contextOf(), fixture.files);
    await stream.push(chunk({ uploadId, content: Buffer.from("abc") }));
    await cancelUpload({ uploadId }, contextOf(), fixture.files);
    await cancelUpload({ uploadId }, contextOf(), fixture.files);
    void stream.push(chunk({ content: Buffer.from("d"), offset: 3 }), chunk({ content: Buffer.from("e"), offset: 4 }));
    await expect(ended).rejects.toMatchObject({ reason: "UPLOAD_PREEMPTED" });
    expect((await sessionOf(fixture.files, uploadId)).state).toBe(UploadState.ABORTED);
    expect(await fixture.files.blobs.listStaged()).toEqual([]);
    expect((await listUploads({ pageSize: 0, pageToken: "" }, contextOf(), fixture.files)).uploads).toEqual([]);
  });

  it("is complete for a stream that comes while an earlier one publishes it", async () => {
    const [publishing, goOn] = [latch(), latch()];
    class SlowRecords extends MemoryRecordStore {
      override async commit(mutations: readonly Mutation[]): Promise<void> {
        const publishes = mutations.some(({ collection }) => collection === "files");
        if (publishes) publishing.open();
        if (publishes) await goOn.promise;
        return super.commit(mutations);
      }
    }
    await using fixture = await openFilesFixture({ records: new SlowRecords() });
    const { uploadId } = await createSession(fixture.files, { spec: { filename: "f" } });
    const last = chunk({ uploadId, content: Buffer.from("abc"), finishWrite: true });
    const earlier = uploadFile(streamOf(last), contextOf(), fixture.files);
    await publishing.promise;
    const later = uploadFile(streamOf(last), contextOf(), fixture.files);
    const finished = finishSession(fixture.files, { uploadId });
    goOn.open();
    const { file } = await earlier;
    expect(file?.size).toBe(3);
    expect(await later).toMatchObject({ file, incomplete: false });
    expect(await finished).toMatchObject({ file });
  });

  it.each([
    ["ends before the chunk's end", { totalSize: 15, offset: 10, content: Buffer.alloc(10) }],
    ["ends before bytes that are there", { totalSize: 5, offset: 0, content: Buffer.alloc(3) }],
  ])("forgets a declared size that %s, and takes the right one later", async (_, wrong) => {
    await using fixture = await openFilesFixture();
    const deps = fixture.files;
    const { uploadId } = await createSession(deps, { spec: { filename: "f" } });
    await uploadFile(streamOf(chunk({ uploadId, content: Buffer.alloc(10) })), contextOf(), deps);
    await expect(uploadFile(streamOf(chunk({ uploadId, ...wrong })), contextOf(), deps)).rejects.toMatchObject({
      reason: "UPLOAD_SIZE_MISMATCH",
      metadata: { committed_size: "10" },
    });
    const right = chunk({ uploadId, totalSize: 20, offset: 10, content: Buffer.alloc(10), finishWrite: true });
    expect(await uploadFile(streamOf(right), contextOf(), deps)).toMatchObject({ size: 20, incomplete: false });
  });
});
