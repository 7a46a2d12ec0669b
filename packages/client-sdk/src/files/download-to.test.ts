import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { pathToFileURL } from "node:url";

import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";

import { randomFaults } from "../testing/fault-plan.js";
import { openFiles, testBytes } from "./open-files.test.support.js";
import { MemoryResumeStore } from "./resume-store.js";
import type { DownloadProgress } from "./types.js";

const KIB = 1024;
const MIB = 1024 * KIB;

let directory = "";
let destination = "";

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "download-to-"));
  destination = join(directory, "copy.bin");
});

afterEach(() => rm(directory, { recursive: true, force: true }));

const collecting = (): { readonly stream: Writable; readonly bytes: () => Buffer } => {
  const pieces: Buffer[] = [];
  const stream = new Writable({
    write(piece: Buffer, _, done) {
      pieces.push(Buffer.from(piece));
      done();
    },
  });
  return { stream, bytes: () => Buffer.concat(pieces) };
};

describe("a download to a path", () => {
  it.each([1, 3, 4, 16])("is whole and alone in its directory, in %d ranges", async (parallel) => {
    await using opened = openFiles();
    const content = testBytes(MIB + 17);
    const { fileId } = opened.server.add("a", content);
    const result = await opened.files.downloadTo(fileId, destination, { parallel, chunkBytes: 64 * KIB });
    expect((await readFile(destination)).equals(content)).toBe(true);
    expect(await readdir(directory)).toEqual(["copy.bin"]);
    expect(result).toMatchObject({ fileId, size: content.byteLength, attempts: parallel });
  });

  it("takes a file URL, and an empty file", async () => {
    await using opened = openFiles();
    const { fileId } = opened.server.add("a", Buffer.alloc(0));
    await opened.files.downloadTo(fileId, pathToFileURL(destination), { parallel: 4 });
    expect((await readFile(destination)).byteLength).toBe(0);
  });

  it("replaces a file that was there", async () => {
    await using opened = openFiles();
    await writeFile(destination, "old and longer than the new one");
    const { fileId } = opened.server.add("a", Buffer.from("new"));
    await opened.files.downloadTo(fileId, destination);
    expect(await readFile(destination, "utf8")).toBe("new");
  });

  it("survives losses of every range, at random", async () => {
    const seed = Date.now() % 1_000_000;
    await using opened = openFiles(randomFaults(seed, { probability: 0.7, maxMessages: 8 }));
    const content = testBytes(512 * KIB);
    const { fileId } = opened.server.add("a", content);
    const seen: DownloadProgress[] = [];
    await opened.files.downloadTo(fileId, destination, {
      parallel: 4,
      chunkBytes: 8 * KIB,
      onProgress: (progress) => seen.push(progress),
    });
    expect({ seed, same: (await readFile(destination)).equals(content) }).toEqual({ seed, same: true });
    const received = seen.map(({ receivedBytes }) => receivedBytes);
    expect(received).toEqual(received.toSorted((a, b) => a - b));
    expect(received.at(-1)).toBe(content.byteLength);
  });

  it("fails with DATA_LOSS and leaves nothing, also not over what was there", async () => {
    await using opened = openFiles();
    await writeFile(destination, "old");
    const { fileId } = opened.server.add("a", testBytes(64 * KIB));
    opened.server.tamper = (chunk) => ({ ...chunk, content: new Uint8Array(chunk.content.byteLength) });
    const options = { resume: { store: new MemoryResumeStore() } };
    await expect(opened.files.downloadTo(fileId, destination, options)).rejects.toMatchObject({ kind: "data-loss" });
    expect(await readdir(directory)).toEqual(["copy.bin"]);
    expect(await readFile(destination, "utf8")).toBe("old");
  });

  it("leaves nothing when it is cancelled", async () => {
    await using opened = openFiles();
    const { fileId } = opened.server.add("a", testBytes(MIB));
    const caller = new AbortController();
    const downloading = opened.files.downloadTo(fileId, destination, {
      signal: caller.signal,
      parallel: 2,
      chunkBytes: 64 * KIB,
      onProgress: () => caller.abort("enough"),
    });
    await expect(downloading).rejects.toMatchObject({ name: "AbortError", cause: "enough" });
    expect(await readdir(directory)).toEqual([]);
    await opened.transport.drain();
    expect(opened.transport.liveCalls).toBe(0);
  });

  it("continues in a later process with a store, and fetches only what is missing", async () => {
    await using opened = openFiles();
    const content = testBytes(MIB);
    const { fileId } = opened.server.add("a", content);
    const store = new MemoryResumeStore();
    let sentBytes = 0;
    opened.server.tamper = (chunk) => {
      sentBytes += chunk.content.byteLength;
      return chunk;
    };
    const options = { parallel: 2, chunkBytes: 32 * KIB, resume: { store } };
    const caller = new AbortController();
    let keptBytes = 0;
    const first = opened.files.downloadTo(fileId, destination, {
      ...options,
      signal: caller.signal,
      onProgress({ receivedBytes }) {
        if (caller.signal.aborted || receivedBytes < MIB / 2) return;
        keptBytes = receivedBytes;
        caller.abort();
      },
    });
    await expect(first).rejects.toMatchObject({ name: "AbortError" });
    expect(await readdir(directory)).toHaveLength(1);
    sentBytes = 0;
    await opened.files.downloadTo(fileId, destination, options);
    expect((await readFile(destination)).equals(content)).toBe(true);
    expect(await readdir(directory)).toEqual(["copy.bin"]);
    expect(sentBytes).toBeLessThanOrEqual(MIB - keptBytes);
  });

  it("starts anew if what the store has cannot be read", async () => {
    await using opened = openFiles();
    const content = testBytes(10);
    const { fileId } = opened.server.add("a", content);
    const store = new MemoryResumeStore();
    store.get = async () => "{";
    await opened.files.downloadTo(fileId, destination, { resume: { store } });
    expect((await readFile(destination)).equals(content)).toBe(true);
  });

  it("keeps nothing in the store's name if the file is gone", async () => {
    await using opened = openFiles();
    const { fileId } = opened.server.add("a", testBytes(MIB));
    const downloading = opened.files.downloadTo(fileId, destination, {
      parallel: 2,
      chunkBytes: 64 * KIB,
      resume: { store: new MemoryResumeStore() },
      onProgress() {
        opened.server.files.clear();
        opened.transport.disconnect();
      },
    });
    await expect(downloading).rejects.toMatchObject({ kind: "not-found" });
    expect(await readdir(directory)).toEqual([]);
  });

  it("refuses a directory before it fetches anything", async () => {
    await using opened = openFiles();
    const { fileId } = opened.server.add("a", testBytes(10));
    await expect(opened.files.downloadTo(fileId, directory)).rejects.toThrow("is a directory");
  });

  it("fails with NOT_FOUND and makes no file", async () => {
    await using opened = openFiles();
    await expect(opened.files.downloadTo("nothing", destination)).rejects.toMatchObject({ kind: "not-found" });
    expect(await readdir(directory)).toEqual([]);
  });

  it.each([0, 17, 1.5])("refuses %d ranges", async (parallel) => {
    await using opened = openFiles();
    const { fileId } = opened.server.add("a", testBytes(10));
    await expect(opened.files.downloadTo(fileId, destination, { parallel })).rejects.toThrow(RangeError);
    expect(await readdir(directory)).toEqual([]);
  });
});

describe("a download to a stream", () => {
  it("gives the bytes in order and ends the stream", async () => {
    await using opened = openFiles();
    const content = testBytes(300 * KIB);
    const { fileId } = opened.server.add("a", content);
    const { stream, bytes } = collecting();
    const result = await opened.files.downloadTo(fileId, stream, { chunkBytes: 64 * KIB });
    expect(bytes().equals(content)).toBe(true);
    expect(result).toMatchObject({ fileId, size: content.byteLength });
    expect(stream.writableFinished).toBe(true);
  });

  it("writes to a web stream", async () => {
    await using opened = openFiles();
    const content = testBytes(10 * KIB);
    const { fileId } = opened.server.add("a", content);
    const { stream, bytes } = collecting();
    await opened.files.downloadTo(fileId, Writable.toWeb(stream));
    expect(bytes().equals(content)).toBe(true);
  });

  it("never finishes a stream whose bytes are wrong", async () => {
    await using opened = openFiles();
    const { fileId } = opened.server.add("a", testBytes(10 * KIB));
    opened.server.tamper = (chunk) => ({ ...chunk, content: new Uint8Array(chunk.content.byteLength) });
    const { stream } = collecting();
    await expect(opened.files.downloadTo(fileId, stream)).rejects.toMatchObject({ kind: "data-loss" });
    expect(stream.writableFinished).toBe(false);
  });

  it("can be cancelled while the stream takes nothing", async () => {
    await using opened = openFiles();
    const { fileId } = opened.server.add("a", testBytes(MIB));
    const caller = new AbortController();
    const nobodyReads = new PassThrough({ highWaterMark: 1 });
    const downloading = opened.files.downloadTo(fileId, nobodyReads, { signal: caller.signal, chunkBytes: 4 * KIB });
    await new Promise<void>((resolve) => nobodyReads.once("readable", resolve));
    caller.abort();
    await expect(downloading).rejects.toMatchObject({ name: "AbortError" });
    await opened.transport.drain();
    expect(opened.transport.liveCalls).toBe(0);
  });
});
