import { createHash } from "node:crypto";

import { describe, expect, it } from "@jest/globals";
import type { CreateUploadRequest, PartialMessage, UploadSession } from "@millrace/shared-types";
import {
  CreateUploadRequest as CreateUploadRequestType,
  crc32c,
  DownloadRequest,
  UploadState,
} from "@millrace/shared-types";

import { cancelUpload } from "./cancel-upload.js";
import { createUpload } from "./create-upload.js";
import { downloadFile } from "./download-file.js";
import type { FilesDeps } from "./files-deps.js";
import {
  callOf,
  chunk,
  collect,
  contextOf,
  cutAfter,
  openFilesFixture,
  pushStream,
  randomContent,
  seedChunks,
  specOf,
  streamOf,
} from "./files-fixture.js";
import { finishUpload } from "./finish-upload.js";
import { getUpload } from "./get-upload.js";
import { listFiles } from "./list-files.js";
import { listUploads } from "./list-uploads.js";
import { uploadFile } from "./upload-file.js";
import { writeFile } from "./write-file.js";

const sha256 = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");
const create = async (
  deps: FilesDeps,
  request: PartialMessage<CreateUploadRequest>,
  owner?: string,
): Promise<UploadSession> => {
  const { upload } = await createUpload(
    CreateUploadRequestType.fromPartial(request as CreateUploadRequest),
    contextOf(owner),
    deps,
  );
  if (upload === undefined) throw new Error("no session in the answer");
  return upload;
};
const get = async (deps: FilesDeps, uploadId: string, owner?: string): Promise<UploadSession | undefined> =>
  (await getUpload({ uploadId }, contextOf(owner), deps)).upload;
const finish = (deps: FilesDeps, uploadId: string, fields = {}): ReturnType<typeof finishUpload> =>
  finishUpload({ uploadId, checksums: undefined, totalSize: 0, ...fields }, contextOf(), deps);
const contentOf = async (deps: FilesDeps, fileId: string): Promise<string> => {
  const pieces = await collect(downloadFile(DownloadRequest.fromPartial({ fileId }), contextOf(), deps));
  return sha256(Buffer.concat(pieces.map(({ content }) => content)));
};

describe("a sequential upload session", () => {
  it("keeps what came before a cut, tells how much, and is finished by a later stream", async () => {
    await using fixture = await openFilesFixture();
    const deps = fixture.files;
    const content = randomContent(100_000);
    const { uploadId } = await create(deps, { spec: { filename: "f" } });
    const cut = cutAfter(new Error("connection lost"), chunk({ uploadId, content: content.subarray(0, 60_000) }));
    await expect(uploadFile(cut, contextOf(), deps)).rejects.toThrow("connection lost");
    expect(await get(deps, uploadId)).toMatchObject({
      committedSize: 60_000,
      committedChecksums: { crc32c: crc32c(content.subarray(0, 60_000)) },
      state: UploadState.OPEN,
      file: undefined,
    });
    const rest = chunk({ uploadId, content: content.subarray(50_000), offset: 50_000, finishWrite: true });
    const answer = await uploadFile(streamOf(rest), contextOf(), deps);
    expect(answer).toMatchObject({ size: 100_000, checksum: sha256(content), incomplete: false, uploadId });
    expect(await get(deps, uploadId)).toMatchObject({ state: UploadState.COMPLETE, file: { fileId: answer.fileId } });
    expect(await contentOf(deps, answer.fileId)).toBe(sha256(content));
  });

  it("stays open when its stream half-closes without finish_write", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await create(fixture.files, { spec: { filename: "f" } });
    const answer = await uploadFile(
      streamOf(chunk({ uploadId, content: Buffer.from("abc") })),
      contextOf(),
      fixture.files,
    );
    expect(answer).toMatchObject({ incomplete: true, committedSize: 3, fileId: "", checksum: "", file: undefined });
  });

  it("gives the same answer again once it is complete", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await create(fixture.files, { spec: { filename: "f" } });
    const last = chunk({ uploadId, content: Buffer.from("abc"), finishWrite: true });
    const first = await uploadFile(streamOf(last), contextOf(), fixture.files);
    expect(await uploadFile(streamOf(last), contextOf(), fixture.files)).toEqual(first);
    expect((await finish(fixture.files, uploadId)).file).toEqual(first.file);
    expect((await finish(fixture.files, uploadId)).file).toEqual(first.file);
    const acks = await collect(writeFile(streamOf(last), contextOf(), fixture.files));
    expect(acks).toMatchObject([{ uploadId, committedSize: 3, file: { fileId: first.fileId } }]);
    const { files } = await listFiles({ prefix: "", pageSize: 0, pageToken: "" }, contextOf(), fixture.files);
    expect(files).toHaveLength(1);
  });

  it("gives two who finish it at once the same file", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await create(fixture.files, { spec: { filename: "f" } });
    await uploadFile(streamOf(chunk({ uploadId, content: randomContent(50_000) })), contextOf(), fixture.files);
    const answers = await Promise.all([1, 2, 3].map(() => finish(fixture.files, uploadId)));
    expect(new Set(answers.map(({ file }) => file?.fileId)).size).toBe(1);
    expect(await fixture.files.blobs.listStaged()).toEqual([]);
  });

  it("makes bytes durable after 4 MiB, and after one second", async () => {
    await using fixture = await openFilesFixture();
    const deps = fixture.files;
    const { uploadId } = await create(deps, { spec: { filename: "f" } });
    const stream = pushStream();
    const acks = writeFile(stream, contextOf(), deps);
    const mib = randomContent(1024 * 1024);
    const first = acks.next();
    for (let offset = 0; offset < 5 * mib.length; offset += mib.length) {
      await stream.push(chunk({ uploadId, content: mib, offset }));
    }
    const ack = (await first).value;
    expect(ack?.committedSize).toBeGreaterThanOrEqual(3 * mib.length);
    expect((await get(deps, uploadId))?.committedSize).toBe(ack?.committedSize);
    fixture.clock.advance(1000);
    let committedSize = 0;
    while (committedSize < 5 * mib.length) committedSize = (await acks.next()).value?.committedSize ?? Infinity;
    expect((await get(deps, uploadId))?.committedSize).toBe(5 * mib.length);
    stream.halfClose();
    expect((await collect(acks)).at(-1)).toMatchObject({ committedSize: 5 * mib.length, file: undefined });
  });

  it("refuses a hole, naming what is durable by then", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await create(fixture.files, { spec: { filename: "f" } });
    const chunks = [chunk({ uploadId, content: Buffer.from("abc") }), chunk({ content: Buffer.from("x"), offset: 9 })];
    await expect(uploadFile(streamOf(...chunks), contextOf(), fixture.files)).rejects.toMatchObject({
      reason: "UPLOAD_OFFSET_MISMATCH",
      metadata: { committed_size: "3" },
    });
    expect((await get(fixture.files, uploadId))?.committedSize).toBe(3);
  });

  it("loses nothing to a chunk that does not match its checksum, and takes it when it is sent again", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await create(fixture.files, { spec: { filename: "f" } });
    const bad = [
      chunk({ uploadId, content: Buffer.from("abc") }),
      chunk({ content: Buffer.from("dxf"), offset: 3, crc32c: crc32c(Buffer.from("def")) }),
    ];
    await expect(uploadFile(streamOf(...bad), contextOf(), fixture.files)).rejects.toMatchObject({
      reason: "CHECKSUM_MISMATCH",
    });
    expect((await get(fixture.files, uploadId))?.committedSize).toBe(3);
    const good = chunk({ uploadId, content: Buffer.from("def"), offset: 3, finishWrite: true });
    expect((await uploadFile(streamOf(good), contextOf(), fixture.files)).checksum).toBe(sha256(Buffer.from("abcdef")));
  });

  it("is taken over by a newer stream; the older one ends", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await create(fixture.files, { spec: { filename: "f" } });
    const older = pushStream();
    const ended = uploadFile(older, contextOf(), fixture.files);
    await older.push(chunk({ uploadId, content: Buffer.from("abc") }));
    const newer = chunk({ uploadId, content: Buffer.from("abcdef"), finishWrite: true });
    const answer = await uploadFile(streamOf(newer), contextOf(), fixture.files);
    void older.push(chunk({ content: Buffer.from("XYZ"), offset: 3 }), chunk({ content: Buffer.from("Z"), offset: 6 }));
    await expect(ended).rejects.toMatchObject({ reason: "UPLOAD_PREEMPTED" });
    expect(await contentOf(fixture.files, answer.fileId)).toBe(sha256(Buffer.from("abcdef")));
  });

  it("never loses committed bytes when streams take it over again and again", async () => {
    await using fixture = await openFilesFixture();
    const content = randomContent(20_000);
    const { uploadId } = await create(fixture.files, { spec: { filename: "f", totalSize: content.length } });
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
      const now = (await get(fixture.files, uploadId))?.committedSize ?? 0;
      expect(now).toBeGreaterThanOrEqual(committed + 1000);
      committed = now;
    }
    const { file } = await finish(fixture.files, uploadId, {
      checksums: { sha256: sha256(content), crc32c: undefined },
    });
    expect(file?.size).toBe(content.length);
    expect(streams.length).toBeGreaterThan(5);
  });

  it("says where a drained stream can go on, and keeps what it had received", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await create(fixture.files, { spec: { filename: "f" } });
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
    expect((await get(fixture.files, uploadId))?.committedSize).toBe(5);
  });

  it("is aborted, and its bytes dropped, when the whole file does not match its checksum", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await create(fixture.files, {
      spec: { filename: "f", checksums: { sha256: "0".repeat(64) } },
    });
    const all = chunk({ uploadId, content: Buffer.from("abc"), finishWrite: true });
    await expect(uploadFile(streamOf(all), contextOf(), fixture.files)).rejects.toMatchObject({
      reason: "CHECKSUM_MISMATCH",
      metadata: { scope: "file", expected: "0".repeat(64), actual: sha256(Buffer.from("abc")) },
    });
    expect((await get(fixture.files, uploadId))?.state).toBe(UploadState.ABORTED);
    expect(await fixture.files.blobs.listStaged()).toEqual([]);
    expect(await fixture.files.blobs.list({ limit: 1 })).toEqual([]);
    await expect(uploadFile(streamOf(all), contextOf(), fixture.files)).rejects.toMatchObject({
      reason: "UPLOAD_EXPIRED",
    });
  });

  it("stays open when it is finished short of its declared size", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await create(fixture.files, { spec: { filename: "f", totalSize: 4 } });
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
    const { uploadId } = await create(fixture.files, { spec: { filename: "f" } });
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
    const { uploadId } = await create(fixture.files, { spec: { filename: "f" } });
    const expected = { reason: "RESOURCE_NOT_FOUND", message: `upload "${uploadId}" not found` };
    const mallory = contextOf("mallory");
    await expect(get(fixture.files, uploadId, "mallory")).rejects.toMatchObject(expected);
    await expect(cancelUpload({ uploadId }, mallory, fixture.files)).rejects.toMatchObject(expected);
    await expect(uploadFile(streamOf(chunk({ uploadId })), mallory, fixture.files)).rejects.toMatchObject(expected);
    await expect(collect(writeFile(streamOf(chunk({ uploadId })), mallory, fixture.files))).rejects.toMatchObject(
      expected,
    );
    await expect(
      finishUpload({ uploadId, checksums: undefined, totalSize: 0 }, mallory, fixture.files),
    ).rejects.toMatchObject(expected);
    await expect(get(fixture.files, "never")).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
  });

  it("can be cancelled, twice, and ends the stream that writes it", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await create(fixture.files, { spec: { filename: "f" } });
    const stream = pushStream();
    const ended = uploadFile(stream, contextOf(), fixture.files);
    await stream.push(chunk({ uploadId, content: Buffer.from("abc") }));
    await cancelUpload({ uploadId }, contextOf(), fixture.files);
    await cancelUpload({ uploadId }, contextOf(), fixture.files);
    void stream.push(chunk({ content: Buffer.from("d"), offset: 3 }), chunk({ content: Buffer.from("e"), offset: 4 }));
    await expect(ended).rejects.toMatchObject({ reason: "UPLOAD_PREEMPTED" });
    expect((await get(fixture.files, uploadId))?.state).toBe(UploadState.ABORTED);
    expect(await fixture.files.blobs.listStaged()).toEqual([]);
    expect((await listUploads({ pageSize: 0, pageToken: "" }, contextOf(), fixture.files)).uploads).toEqual([]);
  });
});

describe("CreateUpload", () => {
  it("returns the same session for the same idempotency key, and refuses another spec under it", async () => {
    await using fixture = await openFilesFixture();
    const request = {
      spec: {
        filename: "f",
        metadata: new Map([
          ["a", "1"],
          ["b", "2"],
        ]),
      },
      idempotencyKey: "k",
    };
    const first = await create(fixture.files, request);
    const reordered = {
      ...request,
      spec: {
        filename: "f",
        metadata: new Map([
          ["b", "2"],
          ["a", "1"],
        ]),
      },
    };
    expect((await create(fixture.files, reordered)).uploadId).toBe(first.uploadId);
    await expect(create(fixture.files, { ...request, spec: { filename: "g" } })).rejects.toMatchObject({
      reason: "IDEMPOTENCY_CONFLICT",
    });
    expect((await create(fixture.files, { spec: { filename: "g" }, idempotencyKey: "k" }, "bob")).uploadId).not.toBe(
      first.uploadId,
    );
  });

  it("makes one session of a hundred simultaneous requests with one key", async () => {
    await using fixture = await openFilesFixture();
    const sessions = await Promise.all(
      Array.from({ length: 100 }, () => create(fixture.files, { spec: { filename: "f" }, idempotencyKey: "k" })),
    );
    expect(new Set(sessions.map(({ uploadId }) => uploadId)).size).toBe(1);
  });

  it("completes without bytes if the caller has the content, and never tells of others' content", async () => {
    await using fixture = await openFilesFixture();
    const content = randomContent(10_000);
    const checksums = { sha256: sha256(content) };
    await uploadFile(streamOf(...seedChunks("f", content)), contextOf(), fixture.files);
    const foreign = await create(fixture.files, { spec: { filename: "g", checksums } }, "mallory");
    expect(foreign).toMatchObject({ state: UploadState.OPEN, file: undefined });
    const own = await create(fixture.files, { spec: { filename: "g", checksums } });
    expect(own).toMatchObject({ state: UploadState.COMPLETE, file: { filename: "g", size: 10_000 } });
    expect(await contentOf(fixture.files, own.file?.fileId ?? "")).toBe(sha256(content));
    const other = await create(fixture.files, { spec: { filename: "g", checksums, totalSize: 5 } });
    expect(other.state).toBe(UploadState.OPEN);
  });

  it("refuses at once what a precondition rules out already", async () => {
    await using fixture = await openFilesFixture();
    await uploadFile(streamOf(...seedChunks("f", Buffer.from("x"))), contextOf(), fixture.files);
    await expect(create(fixture.files, { spec: { filename: "f", ifGenerationMatch: 0 } })).rejects.toMatchObject({
      reason: "REVISION_MISMATCH",
      metadata: { expected: "0", actual: "1" },
    });
  });

  it("decides a precondition when it publishes, and drops the loser's bytes", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await create(fixture.files, { spec: { filename: "f", ifGenerationMatch: 0 } });
    await uploadFile(streamOf(chunk({ uploadId, content: Buffer.from("loser") })), contextOf(), fixture.files);
    const winner = await uploadFile(streamOf(...seedChunks("f", Buffer.from("winner"))), contextOf(), fixture.files);
    await expect(finish(fixture.files, uploadId)).rejects.toMatchObject({ reason: "REVISION_MISMATCH" });
    expect((await get(fixture.files, uploadId))?.state).toBe(UploadState.ABORTED);
    expect(await fixture.files.blobs.list({ limit: 10 })).toEqual([winner.checksum]);
    expect(await fixture.files.blobs.listStaged()).toEqual([]);
  });

  it.each([
    [{}, "INVALID_FIELD"],
    [{ spec: { filename: "" } }, "UNSAFE_FILENAME"],
    [{ spec: { filename: "f", totalSize: -1 } }, "INVALID_FIELD"],
    [{ spec: { filename: "f", totalSize: 2 ** 40 } }, "LIMIT_EXCEEDED"],
    [{ spec: { filename: "f", ifGenerationMatch: -1 } }, "INVALID_FIELD"],
    [{ spec: { filename: "f" }, partSize: -1 }, "INVALID_FIELD"],
    [{ spec: { filename: "f" }, idempotencyKey: "x".repeat(256) }, "LIMIT_EXCEEDED"],
    [{ spec: { filename: "f", metadata: new Map([["", "x"]]) } }, "INVALID_FIELD"],
    [{ spec: { filename: "f", metadata: new Map([["x", "y".repeat(9000)]]) } }, "LIMIT_EXCEEDED"],
    [
      { spec: { filename: "f", metadata: new Map(Array.from({ length: 65 }, (_, n) => [String(n), ""] as const)) } },
      "LIMIT_EXCEEDED",
    ],
  ])("refuses %j", async (request, reason) => {
    await using fixture = await openFilesFixture();
    await expect(create(fixture.files, request)).rejects.toMatchObject({ reason });
  });
});

describe("WriteFile", () => {
  it("answers a flush and a query, and in the end with the file", async () => {
    await using fixture = await openFilesFixture();
    const stream = pushStream();
    const acks = writeFile(stream, contextOf(), fixture.files);
    const first = acks.next();
    await stream.push(chunk({ spec: specOf({ filename: "f" }), content: Buffer.from("abc") }));
    const { uploadId, committedSize } = (await first).value ?? { uploadId: "", committedSize: -1 };
    expect(committedSize).toBe(0);
    expect((await get(fixture.files, uploadId))?.state).toBe(UploadState.OPEN);
    const flushed = acks.next();
    await stream.push(chunk({ content: Buffer.from("de"), offset: 3, flush: true }));
    expect((await flushed).value).toMatchObject({ uploadId, committedSize: 5 });
    const queried = acks.next();
    await stream.push(chunk({ offset: 5, queryStatus: true }));
    expect((await queried).value).toMatchObject({ uploadId, committedSize: 5 });
    void stream.push(chunk({ content: Buffer.from("f"), offset: 5, finishWrite: true }));
    const rest = await collect(acks);
    expect(rest.at(-1)).toMatchObject({
      committedSize: 6,
      file: { size: 6, checksums: { sha256: sha256(Buffer.from("abcdef")) } },
    });
  });

  it("publishes a session of its own at a half-close, and keeps it at a cut", async () => {
    await using fixture = await openFilesFixture();
    const whole = await collect(
      writeFile(streamOf(...seedChunks("f", randomContent(100_000))), contextOf(), fixture.files),
    );
    expect(whole.at(-1)).toMatchObject({ committedSize: 100_000, file: { filename: "f" } });
    const acks = writeFile(
      cutAfter(new Error("lost"), ...seedChunks("g", randomContent(1000))),
      contextOf(),
      fixture.files,
    );
    const { uploadId } = (await acks.next()).value ?? { uploadId: "" };
    await expect(collect(acks)).rejects.toThrow("lost");
    expect(await get(fixture.files, uploadId)).toMatchObject({ committedSize: 1000, state: UploadState.OPEN });
  });

  it("refuses a stream without any message", async () => {
    await using fixture = await openFilesFixture();
    await expect(collect(writeFile(streamOf(), contextOf(), fixture.files))).rejects.toMatchObject({
      reason: "PROTOCOL_VIOLATION",
    });
  });

  it("keeps the bytes when the client stops reading answers and goes away", async () => {
    await using fixture = await openFilesFixture();
    const stream = pushStream();
    const acks = writeFile(stream, contextOf(), fixture.files);
    const first = acks.next();
    await stream.push(chunk({ filename: "f", content: Buffer.from("abc") }));
    const { uploadId } = (await first).value ?? { uploadId: "" };
    await acks.return();
    expect((await get(fixture.files, uploadId))?.committedSize).toBe(3);
    stream.cut(new Error("gone"));
  });

  it("says that it is alive while a long file is verified", async () => {
    await using fixture = await openFilesFixture();
    const { files, clock } = fixture;
    let verified = (): void => {};
    const waiting = new Promise<void>((resolve) => (verified = resolve));
    let began = (): void => {};
    const beginning = new Promise<void>((resolve) => (began = resolve));
    const blobs = Object.create(files.blobs, {
      stage: {
        value: async (id: string) => {
          const staged = await files.blobs.stage(id);
          const digest = staged.digest.bind(staged);
          staged.digest = async (...parameters) => {
            began();
            await waiting;
            return digest(...parameters);
          };
          return staged;
        },
      },
    }) as typeof files.blobs;
    const acks = writeFile(
      streamOf(chunk({ filename: "f", content: Buffer.from("abc"), finishWrite: true })),
      contextOf(),
      { ...files, blobs },
    );
    const seen = [(await acks.next()).value];
    let next = acks.next();
    await beginning;
    for (let second = 0; second < 3; second += 1) {
      clock.advance(1000);
      seen.push((await next).value);
      next = acks.next();
    }
    verified();
    expect(seen.every((ack) => ack !== undefined && ack.file === undefined)).toBe(true);
    const last = (await collect(acks)).at(-1) ?? (await next).value;
    expect(last?.file?.size).toBe(3);
  });
});

describe("ListUploads", () => {
  it("lists the caller's open sessions, page by page", async () => {
    await using fixture = await openFilesFixture();
    const ids = new Set<string>();
    for (let index = 0; index < 5; index += 1)
      ids.add((await create(fixture.files, { spec: { filename: "f" } })).uploadId);
    await create(fixture.files, { spec: { filename: "f" } }, "bob");
    const seen: string[] = [];
    for (let pageToken = ""; ;) {
      const page = await listUploads({ pageSize: 2, pageToken }, contextOf(), fixture.files);
      seen.push(...page.uploads.map(({ uploadId }) => uploadId));
      pageToken = page.nextPageToken;
      if (pageToken === "") break;
    }
    expect(new Set(seen)).toEqual(ids);
    expect(seen).toHaveLength(5);
  });
});
