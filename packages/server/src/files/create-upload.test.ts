import { describe, expect, it } from "@jest/globals";
import { UploadState } from "@millrace/shared-types";

import {
  chunk,
  contextOf,
  createSession,
  downloadedSha256,
  finishSession,
  openFilesFixture,
  randomContent,
  seedChunks,
  sessionOf,
  sha256,
  streamOf,
} from "./files-fixture.test.support.js";
import { listUploads } from "./list-uploads.js";
import { uploadFile } from "./upload-file.js";

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
    const first = await createSession(fixture.files, request);
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
    expect((await createSession(fixture.files, reordered)).uploadId).toBe(first.uploadId);
    await expect(createSession(fixture.files, { ...request, spec: { filename: "g" } })).rejects.toMatchObject({
      reason: "IDEMPOTENCY_CONFLICT",
    });
    expect(
      (await createSession(fixture.files, { spec: { filename: "g" }, idempotencyKey: "k" }, "bob")).uploadId,
    ).not.toBe(first.uploadId);
  });

  it("makes one session of a hundred simultaneous requests with one key", async () => {
    await using fixture = await openFilesFixture();
    const sessions = await Promise.all(
      Array.from({ length: 100 }, () => createSession(fixture.files, { spec: { filename: "f" }, idempotencyKey: "k" })),
    );
    expect(new Set(sessions.map(({ uploadId }) => uploadId)).size).toBe(1);
  });

  it("completes without bytes if the caller has the content, and never tells of others' content", async () => {
    await using fixture = await openFilesFixture();
    const content = randomContent(10_000);
    const checksums = { sha256: sha256(content) };
    await uploadFile(streamOf(...seedChunks("f", content)), contextOf(), fixture.files);
    const foreign = await createSession(fixture.files, { spec: { filename: "g", checksums } }, "mallory");
    expect(foreign).toMatchObject({ state: UploadState.OPEN, file: undefined });
    const own = await createSession(fixture.files, { spec: { filename: "g", checksums } });
    expect(own).toMatchObject({ state: UploadState.COMPLETE, file: { filename: "g", size: 10_000 } });
    expect(await downloadedSha256(fixture.files, own.file?.fileId ?? "")).toBe(sha256(content));
    const other = await createSession(fixture.files, { spec: { filename: "g", checksums, totalSize: 5 } });
    expect(other.state).toBe(UploadState.OPEN);
  });

  it("refuses at once what a precondition rules out already", async () => {
    await using fixture = await openFilesFixture();
    await uploadFile(streamOf(...seedChunks("f", Buffer.from("x"))), contextOf(), fixture.files);
    await expect(createSession(fixture.files, { spec: { filename: "f", ifGenerationMatch: 0 } })).rejects.toMatchObject(
      {
        reason: "REVISION_MISMATCH",
        metadata: { expected: "0", actual: "1" },
      },
    );
  });

  it("decides a precondition when it publishes, and drops the loser's bytes", async () => {
    await using fixture = await openFilesFixture();
    const { uploadId } = await createSession(fixture.files, { spec: { filename: "f", ifGenerationMatch: 0 } });
    await uploadFile(streamOf(chunk({ uploadId, content: Buffer.from("loser") })), contextOf(), fixture.files);
    const winner = await uploadFile(streamOf(...seedChunks("f", Buffer.from("winner"))), contextOf(), fixture.files);
    await expect(finishSession(fixture.files, { uploadId })).rejects.toMatchObject({ reason: "REVISION_MISMATCH" });
    expect((await sessionOf(fixture.files, uploadId)).state).toBe(UploadState.ABORTED);
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
    await expect(createSession(fixture.files, request)).rejects.toMatchObject({ reason });
  });

  it("completes one session of known content for all who ask for it at once with one key", async () => {
    await using fixture = await openFilesFixture();
    const content = randomContent(1000);
    await uploadFile(streamOf(...seedChunks("known", content)), contextOf(), fixture.files);
    const request = { spec: { filename: "f", checksums: { sha256: sha256(content) } }, idempotencyKey: "k" };
    const sessions = await Promise.all([1, 2, 3].map(() => createSession(fixture.files, request)));
    expect(sessions.map(({ state }) => state)).toEqual(Array(3).fill(UploadState.COMPLETE));
    expect(new Set(sessions.map(({ file }) => file?.fileId)).size).toBe(1);
  });
});

describe("ListUploads", () => {
  it("lists the caller's open sessions, page by page", async () => {
    await using fixture = await openFilesFixture();
    const ids = new Set<string>();
    for (let index = 0; index < 5; index += 1)
      ids.add((await createSession(fixture.files, { spec: { filename: "f" } })).uploadId);
    await createSession(fixture.files, { spec: { filename: "f" } }, "bob");
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
