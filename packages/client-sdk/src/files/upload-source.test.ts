import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pathToFileURL } from "node:url";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { openFiles, piecesOf, testBytes } from "./open-files.test.support.js";
import type { UploadSource } from "./types.js";
import { openUploadSource } from "./upload-source.js";

const bytes = testBytes(100_001);
let directory = "";
let path = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "upload-source-"));
  path = join(directory, "a.bin");
  await writeFile(path, bytes);
});

afterAll(() => rm(directory, { recursive: true, force: true }));

const sources: [string, number | undefined, () => UploadSource][] = [
  ["path", bytes.byteLength, () => path],
  ["file URL", bytes.byteLength, () => pathToFileURL(path)],
  ["Uint8Array", bytes.byteLength, () => new Uint8Array(bytes)],
  ["Blob", bytes.byteLength, () => new Blob([new Uint8Array(bytes)])],
  ["Readable", undefined, () => Readable.from(piecesOf(bytes, 777))],
  ["ReadableStream", undefined, () => Readable.toWeb(Readable.from(piecesOf(bytes, 777)))],
  ["async iterable", undefined, () => piecesOf(bytes, 777)],
  ["resumable source", bytes.byteLength, () => ({ size: bytes.byteLength, slice: () => piecesOf(bytes, 50_000) })],
];

describe("the source of an upload", () => {
  it.each(sources)("can be a %s", async (_, size, make) => {
    await using source = await openUploadSource(make(), 4096);
    expect(source.size).toBe(size);
    const pieces: Uint8Array[] = [];
    for await (const piece of source.read()) pieces.push(piece);
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
  });

  it("tells a file from itself after a change", async () => {
    const other = join(directory, "b.bin");
    await writeFile(other, "1");
    await using before = await openUploadSource(other, 4096);
    await writeFile(other, "12");
    await using after = await openUploadSource(other, 4096);
    expect(after.fingerprint).not.toBe(before.fingerprint);
  });

  it("refuses what is none", async () => {
    await expect(openUploadSource(5 as never, 4096)).rejects.toThrow(TypeError);
    for (const source of [{}, null, new ArrayBuffer(1)]) {
      await expect(openUploadSource(source as never, 4096)).rejects.toThrow("the source is not a path");
    }
    await expect(openUploadSource(join(directory, "none"), 4096)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("fails the upload if a file is changed while it is read", async () => {
    await using opened = openFiles();
    const growing = join(directory, "growing");
    await writeFile(growing, testBytes(64 * 1024));
    let isChanged = false;
    const upload = opened.files.upload(growing, {
      filename: "a",
      chunkBytes: 1024,
      onProgress() {
        if (isChanged) return;
        isChanged = true;
        upload.pause();
        void appendFile(growing, "more").then(() => upload.resume());
      },
    });
    await expect(upload).rejects.toMatchObject({ name: "SourceChangedError" });
    expect(opened.server.files.size).toBe(0);
  });

  it("fails the upload if a stream yields text", async () => {
    await using opened = openFiles();
    const upload = opened.files.upload(Readable.from(["text"]), { filename: "a" });
    await expect(upload).rejects.toThrow("yielded string");
  });

  it("fails the upload, and not the process, if a stream fails before it is read", async () => {
    await using opened = openFiles();
    const broken = new Readable({ read() {} });
    const upload = opened.files.upload(broken, { filename: "a" });
    broken.destroy(new Error("broken"));
    await expect(upload).rejects.toThrow("broken");
  });

  it("destroys a stream whose upload is stopped", async () => {
    await using opened = openFiles();
    const silent = new Readable({ read() {} });
    const upload = opened.files.upload(silent, { filename: "a" });
    await upload.uploadId;
    await upload.abort();
    expect(silent.destroyed).toBe(true);
  });
});
