import { createHash } from "node:crypto";

import { describe, expect, it } from "@jest/globals";
import { crc32c, DownloadRequest } from "@millrace/shared-types";

import { downloadFile } from "./download-file.js";
import {
  chunk,
  collect,
  contextOf,
  cutAfter,
  openFilesFixture,
  randomContent,
  seedChunks,
  callOf,
  specOf,
  streamOf,
} from "./files-fixture.test.support.js";
import type { FilesDeps } from "./files-deps.js";
import { listFiles } from "./list-files.js";
import { uploadFile } from "./upload-file.js";

const sha256 = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");
const download = async (deps: FilesDeps, request: Partial<DownloadRequest>, owner?: string): Promise<Buffer> => {
  const chunks = await collect(downloadFile(DownloadRequest.fromPartial(request), contextOf(owner), deps));
  return Buffer.concat(chunks.map(({ content }) => content));
};
const listed = async (deps: FilesDeps): Promise<string[]> => {
  const { files } = await listFiles({ prefix: "", pageSize: 0, pageToken: "" }, contextOf(), deps);
  return files.map(({ filename }) => filename);
};

describe("seed-style UploadFile", () => {
  it("gives back what was sent, under the id that it answered (S2)", async () => {
    await using fixture = await openFilesFixture();
    const content = randomContent(300_000);
    const answer = await uploadFile(streamOf(...seedChunks("a.bin", content)), contextOf(), fixture.files);
    expect(answer).toMatchObject({ size: 300_000, totalSize: 300_000, checksum: sha256(content), incomplete: false });
    expect(sha256(await download(fixture.files, { fileId: answer.fileId }))).toBe(sha256(content));
  });

  it.each(["../x", "/etc/passwd", "a/../../b", "..\\x", "a\u0000b", "a\nb", ".", "a//b", "a/", "x".repeat(1025)])(
    "refuses the name %j and keeps nothing (S1)",
    async (filename) => {
      await using fixture = await openFilesFixture();
      const upload = uploadFile(streamOf(chunk({ filename, content: Buffer.from("x") })), contextOf(), fixture.files);
      await expect(upload).rejects.toMatchObject({ reason: "UNSAFE_FILENAME" });
      expect(await fixture.files.blobs.listStaged()).toEqual([]);
    },
  );

  it.each(["%2e%2e/x", "C:x", "CON", "\u202etxt.exe", "a\uff0fb", "e\u0301", "\u00e9", "...", "a b"])(
    "takes %j for the name that it is",
    async (filename) => {
      await using fixture = await openFilesFixture();
      const answer = await uploadFile(streamOf(...seedChunks(filename, Buffer.from("x"))), contextOf(), fixture.files);
      expect(answer.file?.filename).toBe(filename);
    },
  );

  it("keeps two uploads of one name apart, however they interleave (S1)", async () => {
    await using fixture = await openFilesFixture();
    const [one, two] = [randomContent(200_000), randomContent(200_000)];
    const answers = await Promise.all(
      [one, two].map((content) =>
        uploadFile(streamOf(...seedChunks("same", content, 10_000)), contextOf(), fixture.files),
      ),
    );
    expect(sha256(await download(fixture.files, { fileId: answers[0]?.fileId ?? "" }))).toBe(sha256(one));
    expect(sha256(await download(fixture.files, { fileId: answers[1]?.fileId ?? "" }))).toBe(sha256(two));
    expect(new Set(answers.map(({ file }) => file?.generation))).toEqual(new Set([1, 2]));
  });

  it("skips bytes that overlap, and counts them once (S3)", async () => {
    await using fixture = await openFilesFixture();
    const content = randomContent(1000);
    const chunks = [
      chunk({ filename: "f", content: content.subarray(0, 600), offset: 0 }),
      chunk({ content: content.subarray(0, 600), offset: 0 }),
      chunk({ content: content.subarray(400, 1000), offset: 400 }),
    ];
    const answer = await uploadFile(streamOf(...chunks), contextOf(), fixture.files);
    expect(answer).toMatchObject({ size: 1000, checksum: sha256(content) });
  });

  it("refuses a hole and says how far it is (S3)", async () => {
    await using fixture = await openFilesFixture();
    const chunks = [
      chunk({ filename: "f", content: Buffer.from("abc") }),
      chunk({ content: Buffer.from("x"), offset: 4 }),
    ];
    const upload = uploadFile(streamOf(...chunks), contextOf(), fixture.files);
    await expect(upload).rejects.toMatchObject({ reason: "UPLOAD_OFFSET_MISMATCH", metadata: { committed_size: "3" } });
  });

  it.each([
    ["ends short of it", [{ content: Buffer.from("ab"), totalSize: 3 }]],
    ["goes beyond it", [{ content: Buffer.from("abcd"), totalSize: 3 }]],
    [
      "changes it",
      [
        { content: Buffer.from("a"), totalSize: 3 },
        { content: Buffer.from("bc"), offset: 1, totalSize: 4 },
      ],
    ],
  ])("refuses a stream that declares a size and %s (S3)", async (_, chunks) => {
    await using fixture = await openFilesFixture();
    const stream = streamOf(...chunks.map((fields) => chunk({ filename: "f", ...fields })));
    await expect(uploadFile(stream, contextOf(), fixture.files)).rejects.toMatchObject({
      reason: "UPLOAD_SIZE_MISMATCH",
    });
    expect(await listed(fixture.files)).toEqual([]);
    expect(await fixture.files.blobs.listStaged()).toEqual([]);
  });

  it("makes an empty, unnamed file of a stream without messages (S4)", async () => {
    await using fixture = await openFilesFixture();
    const answer = await uploadFile(streamOf(), contextOf(), fixture.files);
    expect(answer).toMatchObject({ size: 0, checksum: sha256(Buffer.alloc(0)), file: { filename: "" } });
    const chunks = await collect(
      downloadFile(DownloadRequest.fromPartial({ fileId: answer.fileId }), contextOf(), fixture.files),
    );
    expect(chunks).toMatchObject([{ content: new Uint8Array(), offset: 0, totalSize: 0 }]);
  });

  it("publishes nothing when the stream is cut, and drops its bytes", async () => {
    await using fixture = await openFilesFixture();
    const content = randomContent(100_000);
    const stream = cutAfter(new Error("connection lost"), ...seedChunks("f", content));
    await expect(uploadFile(stream, contextOf(), fixture.files)).rejects.toThrow("connection lost");
    expect(await listed(fixture.files)).toEqual([]);
    expect(await fixture.files.blobs.listStaged()).toEqual([]);
    expect(await fixture.files.blobs.list({ limit: 10 })).toEqual([]);
  });

  it("publishes nothing when the call is aborted after the last byte and before the commit", async () => {
    await using fixture = await openFilesFixture();
    const call = callOf();
    async function* cancelledAtTheEnd(): ReturnType<typeof streamOf> {
      yield* seedChunks("f", randomContent(1000));
      call.abort(new Error("cancelled"));
    }
    await expect(uploadFile(cancelledAtTheEnd(), call.context, fixture.files)).rejects.toThrow("cancelled");
    expect(await listed(fixture.files)).toEqual([]);
    expect(await fixture.files.blobs.list({ limit: 10 })).toEqual([]);
  });

  it("refuses a chunk whose CRC32C does not match, and says which", async () => {
    await using fixture = await openFilesFixture();
    const content = Buffer.from("hello");
    const chunks = [
      chunk({ filename: "f", content, crc32c: crc32c(content) }),
      chunk({ content, offset: 5, crc32c: 1 }),
    ];
    await expect(uploadFile(streamOf(...chunks), contextOf(), fixture.files)).rejects.toMatchObject({
      reason: "CHECKSUM_MISMATCH",
      metadata: { scope: "chunk", offset: "5", expected: "1", actual: String(crc32c(content)) },
    });
  });

  it.each([
    ["in the first message", 0],
    ["in the last message", 1],
  ])("verifies the checksums of the whole file that came %s", async (_, at) => {
    await using fixture = await openFilesFixture();
    const send = (sum: string): Promise<unknown> => {
      const checksums = { sha256: sum };
      const chunks = [
        { filename: "f", content: Buffer.from("ab") },
        { content: Buffer.from("c"), offset: 2, finishWrite: true },
      ].map((fields, index) => chunk({ ...fields, ...(index === at && { checksums }) }));
      return uploadFile(streamOf(...chunks), contextOf(), fixture.files);
    };
    await expect(send("0".repeat(64))).rejects.toMatchObject({
      reason: "CHECKSUM_MISMATCH",
      metadata: { scope: "file" },
    });
    expect(await listed(fixture.files)).toEqual([]);
    await expect(send(sha256(Buffer.from("abc")))).resolves.toMatchObject({ size: 3 });
  });

  it.each([
    ["a negative offset", { offset: -1 }, "INVALID_FIELD"],
    ["a negative size", { totalSize: -1 }, "INVALID_FIELD"],
    ["an offset beyond what a file can have", { offset: Number.MAX_SAFE_INTEGER }, "INVALID_FIELD"],
    ["a size above the limit", { totalSize: 2 ** 40 }, "LIMIT_EXCEEDED"],
    ["a chunk above the limit", { content: Buffer.alloc(1024 * 1024 + 1) }, "LIMIT_EXCEEDED"],
    ["no name", { filename: "" }, "UNSAFE_FILENAME"],
    ["checksums that are none", { checksums: { sha256: "ABC" } }, "INVALID_FIELD"],
    ["a spec with another name", { spec: specOf({ filename: "g" }) }, "INVALID_FIELD"],
    ["a media type that is none", { spec: specOf({ filename: "f", contentType: "text" }) }, "INVALID_FIELD"],
    ["a negative ttl", { spec: specOf({ filename: "f", ttl: { seconds: -1, nanos: 0 } }) }, "INVALID_FIELD"],
  ])("refuses %s", async (_, fields, reason) => {
    await using fixture = await openFilesFixture();
    const stream = streamOf(chunk({ filename: "f", content: Buffer.from("x"), ...fields }));
    await expect(uploadFile(stream, contextOf(), fixture.files)).rejects.toMatchObject({ reason });
    expect(await fixture.files.blobs.listStaged()).toEqual([]);
  });

  it("refuses another name in a later chunk", async () => {
    await using fixture = await openFilesFixture();
    const chunks = [chunk({ filename: "f", content: Buffer.from("x") }), chunk({ filename: "g", offset: 1 })];
    await expect(uploadFile(streamOf(...chunks), contextOf(), fixture.files)).rejects.toMatchObject({
      reason: "INVALID_FIELD",
      fieldViolations: [{ field: "filename" }],
    });
  });

  it("lets one of a hundred racers for a new name win", async () => {
    await using fixture = await openFilesFixture();
    const racers = Array.from({ length: 100 }, (_, index) =>
      uploadFile(
        streamOf(
          chunk({
            spec: specOf({ filename: "f", ifGenerationMatch: 0 }),
            content: Buffer.from(`racer ${String(index)}`),
          }),
        ),
        contextOf(),
        fixture.files,
      ),
    );
    const results = await Promise.allSettled(racers);
    const winners = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    const reasons = results.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
    expect(winners).toHaveLength(1);
    expect(reasons).toHaveLength(99);
    for (const reason of reasons) expect(reason).toMatchObject({ reason: "REVISION_MISMATCH" });
    expect(await listed(fixture.files)).toEqual(["f"]);
    expect(await fixture.files.blobs.list({ limit: 200 })).toEqual([winners[0]?.checksum]);
    expect(await fixture.files.blobs.listStaged()).toEqual([]);
  });
});

describe("DownloadFile", () => {
  const content = randomContent(200_000);
  const upload = async (deps: FilesDeps): Promise<string> =>
    (await uploadFile(streamOf(...seedChunks("f", content)), contextOf(), deps)).fileId;

  it("sends the range that was asked for, with true offsets (S5, S6)", async () => {
    await using fixture = await openFilesFixture();
    const fileId = await upload(fixture.files);
    const request = DownloadRequest.fromPartial({ fileId, startOffset: 70_000, readLimit: 100_000, chunkSize: 16_384 });
    const chunks = await collect(downloadFile(request, contextOf(), fixture.files));
    expect(sha256(Buffer.concat(chunks.map((piece) => piece.content)))).toBe(sha256(content.subarray(70_000, 170_000)));
    let offset = 70_000;
    for (const piece of chunks) {
      expect(piece).toMatchObject({ offset, totalSize: 200_000, filename: "f", info: undefined });
      expect(piece.content.length).toBeLessThanOrEqual(16_384);
      offset += piece.content.length;
    }
  });

  it("sends info once and checksums with every chunk, if asked", async () => {
    await using fixture = await openFilesFixture();
    const fileId = await upload(fixture.files);
    const request = DownloadRequest.fromPartial({ fileId, includeInfo: true, chunkChecksums: true });
    const [first, ...rest] = await collect(downloadFile(request, contextOf(), fixture.files));
    expect(first).toMatchObject({ info: { fileId }, checksums: { sha256: sha256(content) } });
    expect(rest.length).toBeGreaterThan(0);
    for (const piece of rest) {
      expect(piece.info).toBeUndefined();
      expect(piece.crc32c).toBe(crc32c(piece.content));
    }
  });

  it.each([
    [{ startOffset: -1 }, { reason: "INVALID_FIELD" }],
    [{ readLimit: -1 }, { reason: "INVALID_FIELD" }],
    [{ chunkSize: -1 }, { reason: "INVALID_FIELD" }],
    [{ startOffset: 200_001 }, { code: 11 }],
    [{ ifGenerationMatch: 2 }, { reason: "REVISION_MISMATCH", metadata: { expected: "2", actual: "1" } }],
    [{ fileId: "" }, { reason: "INVALID_FIELD" }],
    [{ fileId: "nothing" }, { reason: "RESOURCE_NOT_FOUND" }],
  ])("refuses %j (S6)", async (fields, expected) => {
    await using fixture = await openFilesFixture();
    const fileId = await upload(fixture.files);
    await expect(download(fixture.files, { fileId, ...fields })).rejects.toMatchObject(expected);
  });

  it("sends one empty chunk for a range that begins at the end", async () => {
    await using fixture = await openFilesFixture();
    const fileId = await upload(fixture.files);
    const request = DownloadRequest.fromPartial({ fileId, startOffset: 200_000 });
    const chunks = await collect(downloadFile(request, contextOf(), fixture.files));
    expect(chunks).toMatchObject([{ offset: 200_000, content: new Uint8Array() }]);
  });

  it("does not tell a stranger's file from one that never was", async () => {
    await using fixture = await openFilesFixture();
    const fileId = await upload(fixture.files);
    const foreign = await download(fixture.files, { fileId }, "mallory").catch((error: unknown) => error);
    const unknown = await download(fixture.files, { fileId: "x" }, "mallory").catch((error: unknown) => error);
    expect(foreign).toMatchObject({ reason: "RESOURCE_NOT_FOUND", message: `file "${fileId}" not found` });
    expect(unknown).toMatchObject({ reason: "RESOURCE_NOT_FOUND", message: 'file "x" not found' });
  });

  it("stays with its content when the name is published anew meanwhile (S6)", async () => {
    await using fixture = await openFilesFixture();
    const fileId = await upload(fixture.files);
    const request = DownloadRequest.fromPartial({ fileId, chunkSize: 4096 });
    const pieces: Uint8Array[] = [];
    for await (const piece of downloadFile(request, contextOf(), fixture.files)) {
      if (pieces.length === 1) {
        await uploadFile(streamOf(...seedChunks("f", randomContent(200_000))), contextOf(), fixture.files);
      }
      pieces.push(Uint8Array.from(piece.content));
    }
    expect(sha256(Buffer.concat(pieces))).toBe(sha256(content));
    expect(sha256(await download(fixture.files, { fileId, startOffset: 100_000 }))).toBe(
      sha256(content.subarray(100_000)),
    );
  });

  it("stops when the call is aborted, and says where", async () => {
    await using fixture = await openFilesFixture();
    const fileId = await upload(fixture.files);
    const call = callOf();
    const pieces = downloadFile(DownloadRequest.fromPartial({ fileId }), call.context, fixture.files);
    await pieces.next();
    await pieces.next();
    call.abort(new Error("draining"));
    expect(call.resumePosition()).toBe("65536");
    await expect(pieces.next()).rejects.toThrow("draining");
  });
});
