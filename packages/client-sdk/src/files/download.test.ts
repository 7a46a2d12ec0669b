import { describe, expect, it } from "@jest/globals";
import { methodPath, StreamingServiceDefinition } from "@millrace/shared-types";

import { randomFaults } from "../testing/fault-plan.js";
import { openFiles, type OpenFiles, testBytes } from "./open-files.test.support.js";
import type { FileChunkView } from "./types.js";

const KIB = 1024;
const DOWNLOAD_FILE = methodPath(StreamingServiceDefinition, StreamingServiceDefinition.methods.downloadFile);

const stored = ({ server }: OpenFiles, size: number): { readonly fileId: string; readonly content: Buffer } => {
  const content = testBytes(size);
  return { fileId: server.add("a.bin", content).fileId, content };
};

const cutDownloads = (count: number, messages: number) => {
  let left = count;
  return ({ path }: { readonly path: string }) =>
    path === DOWNLOAD_FILE && left-- > 0 ? { cutAfter: { messages } } : undefined;
};

describe("a download", () => {
  it("gives the bytes in order, and the file's facts", async () => {
    await using opened = openFiles();
    const { fileId, content } = stored(opened, 100 * KIB + 3);
    const download = opened.files.download(fileId, { chunkBytes: 16 * KIB });
    const chunks: FileChunkView[] = [];
    for await (const chunk of download) chunks.push(chunk);
    expect(Buffer.concat(chunks.map((chunk) => chunk.content)).equals(content)).toBe(true);
    expect(await download.info).toMatchObject({ fileId, filename: "a.bin", size: content.byteLength, generation: 1 });
    expect(await download.closed).toEqual({ type: "completed" });
    expect(download.position).toBe(content.byteLength);
  });

  it("knows the file before anybody iterates", async () => {
    await using opened = openFiles();
    const { fileId, content } = stored(opened, 10 * KIB);
    await using download = opened.files.download(fileId, { chunkBytes: 4 * KIB });
    expect((await download.info).size).toBe(10 * KIB);
    expect(Buffer.from(await download.bytes()).equals(content)).toBe(true);
  });

  it("gives no chunk of an empty file", async () => {
    await using opened = openFiles();
    const { fileId } = stored(opened, 0);
    expect(await opened.files.download(fileId).bytes()).toHaveLength(0);
  });

  it.each([
    [0, 1],
    [1, 7],
    [4096, 8192],
    [10_000, 10_240],
    [10_000, 99_999],
  ])("gives the bytes from %d to %d", async (start, end) => {
    await using opened = openFiles();
    const { fileId, content } = stored(opened, 10 * KIB);
    const bytes = await opened.files.download(fileId, { start, end, chunkBytes: 4096 }).bytes();
    expect(Buffer.from(bytes).equals(content.subarray(start, end))).toBe(true);
  });

  it("goes on where it was after every loss, without gap or repeat", async () => {
    const seed = Date.now() % 1_000_000;
    for (let round = 0; round < 20; round++) {
      await using opened = openFiles(randomFaults(seed + round, { probability: 0.8, maxMessages: 12 }));
      const { fileId, content } = stored(opened, 64 * KIB + round);
      const bytes = await opened.files.download(fileId, { chunkBytes: 4 * KIB }).bytes();
      expect({ seed: seed + round, same: Buffer.from(bytes).equals(content) }).toEqual({
        seed: seed + round,
        same: true,
      });
    }
  });

  it("loses nothing when only the end of a part is lost", async () => {
    // The request and the two chunks pass; the status does not.
    await using opened = openFiles(cutDownloads(1, 3));
    const { fileId, content } = stored(opened, 12 * KIB);
    const download = opened.files.download(fileId, { start: 0, end: 8 * KIB, chunkBytes: 4 * KIB });
    expect(Buffer.from(await download.bytes()).equals(content.subarray(0, 8 * KIB))).toBe(true);
  });

  it("does not go on with content that was published meanwhile", async () => {
    await using opened = openFiles(cutDownloads(1, 3));
    const { fileId } = stored(opened, 64 * KIB);
    const download = opened.files.download(fileId, { chunkBytes: 4 * KIB });
    const reading = (async () => {
      for await (const { offset } of download) {
        const file = opened.server.files.get(fileId);
        if (offset === 0 && file) opened.server.files.set(fileId, { ...file, info: { ...file.info, generation: 2 } });
      }
    })();
    await expect(reading).rejects.toMatchObject({ reason: "REVISION_MISMATCH" });
  });

  it("fails with DATA_LOSS if the whole is not what was uploaded", async () => {
    await using opened = openFiles();
    const { fileId } = stored(opened, 20 * KIB);
    opened.server.tamper = (chunk) => {
      const content = Buffer.from(chunk.content);
      content[0] = (content[0] ?? 0) ^ 1;
      return { ...chunk, content };
    };
    const download = opened.files.download(fileId, { chunkBytes: 4 * KIB });
    await expect(download.bytes()).rejects.toMatchObject({ kind: "data-loss" });
    expect((await download.closed).type).toBe("failed");
    await expect(opened.files.download(fileId, { end: 100 }).bytes()).rejects.toMatchObject({ kind: "data-loss" });
    expect(await opened.files.download(fileId, { verify: false }).bytes()).toHaveLength(20 * KIB);
  });

  it("fails with DATA_LOSS if a chunk is missing", async () => {
    await using opened = openFiles();
    const { fileId } = stored(opened, 20 * KIB);
    opened.server.tamper = (chunk) => (chunk.offset === 4096 ? { ...chunk, offset: 8192 } : chunk);
    await expect(opened.files.download(fileId, { chunkBytes: 4096, verify: false }).bytes()).rejects.toMatchObject({
      kind: "data-loss",
      expected: "4096",
      actual: "8192",
    });
  });

  it("ends silently and stops the server when the consumer leaves", async () => {
    await using opened = openFiles();
    const { fileId } = stored(opened, 64 * KIB);
    const download = opened.files.download(fileId, { chunkBytes: 4 * KIB });
    for await (const { offset } of download) if (offset > 0) break;
    expect(await download.closed).toEqual({ type: "cancelled" });
    await expect(download.info).resolves.toMatchObject({ size: 64 * KIB });
    await opened.transport.drain();
    expect(opened.transport.liveCalls).toBe(0);
  });

  it("fails as cancelled when the signal aborts", async () => {
    await using opened = openFiles();
    const { fileId } = stored(opened, 64 * KIB);
    const caller = new AbortController();
    const reading = (async () => {
      for await (const _ of opened.files.download(fileId, { chunkBytes: 4096, signal: caller.signal })) caller.abort();
    })();
    await expect(reading).rejects.toMatchObject({ name: "AbortError" });
  });

  it("fails with NOT_FOUND, also for those who wait for the file's facts", async () => {
    await using opened = openFiles();
    const download = opened.files.download("nothing");
    await expect(download.info).rejects.toMatchObject({ kind: "not-found" });
    await expect(download.bytes()).rejects.toMatchObject({ kind: "not-found" });
  });

  it.each([
    [-1, 5],
    [5, 5],
    [0.5, 5],
    [0, Number.NaN],
  ])("refuses the range from %d to %d", async (start, end) => {
    await using opened = openFiles();
    expect(() => opened.files.download("a", { start, end })).toThrow(RangeError);
  });
});
