import { createHash, randomBytes, randomInt } from "node:crypto";
import { appendFile, open, readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, it } from "@jest/globals";

import { describeBlobStore } from "../../ports/blob-store.contract.js";
import type { BlobDigest } from "../../ports/blob-store.js";

import { FsBlobStore } from "./fs-blob-store.js";
import type { Failpoint } from "./fs-staged-blob.js";
import { openTemporaryFolder } from "./temporary-folder.js";

const NEVER: AbortSignal = new AbortController().signal;
const sha = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");
const pathOf = (folder: string, sha256: string): string => join(folder, "blobs", sha256.slice(0, 2), sha256);

async function flipByte(path: string, offset: number): Promise<void> {
  await using file = await open(path, "r+");
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, offset);
  byte.writeUInt8((byte.readUInt8() ^ 0x10) & 0xff);
  await file.write(byte, 0, 1, offset);
}

async function publish(store: FsBlobStore, content: Uint8Array, id = "a"): Promise<BlobDigest> {
  await using staged = await store.stage(id);
  await staged.write(0, content);
  await staged.sync();
  const digest = await staged.digest(content.length, { signal: NEVER });
  await staged.publish(digest);
  return digest;
}

async function readAll(store: FsBlobStore, sha256: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of store.read(sha256, { start: 0, end: 1e9 }, { chunkBytes: 65_536, signal: NEVER })) {
    pieces.push(Uint8Array.from(piece));
  }
  return Buffer.concat(pieces);
}

describeBlobStore("filesystem", async () => {
  const folder = await openTemporaryFolder();
  return {
    persistent: true,
    open: () => FsBlobStore.open(folder.path),
    corrupt: (sha256, offset) => flipByte(pathOf(folder.path, sha256), offset),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
});

describe("FsBlobStore", () => {
  it("makes folders and files that only this user can read", async () => {
    await using folder = await openTemporaryFolder();
    await using store = await FsBlobStore.open(join(folder.path, "data"));
    const { sha256 } = await publish(store, Buffer.from("hello"));
    await using staged = await store.stage("b");
    await staged.sync();
    const modeOf = async (...path: string[]): Promise<number> => (await stat(join(folder.path, ...path))).mode & 0o777;
    expect(await modeOf("data", "staging")).toBe(0o700);
    expect(await modeOf("data", "blobs", sha256.slice(0, 2))).toBe(0o700);
    expect(await modeOf("data", "blobs", sha256.slice(0, 2), sha256)).toBe(0o600);
    expect(await modeOf("data", "staging", "b")).toBe(0o600);
  });

  it.each(["", "../a", "a/b", "A", "a.b", "a\0", "x".repeat(65)])("refuses the staging id %j", async (id) => {
    await using folder = await openTemporaryFolder();
    await using store = await FsBlobStore.open(folder.path);
    await expect(store.stage(id)).rejects.toThrow(RangeError);
    await expect(store.discard(id)).rejects.toThrow(RangeError);
  });

  it("closes the blob when its reader leaves in the middle", async () => {
    await using folder = await openTemporaryFolder();
    await using store = await FsBlobStore.open(folder.path);
    const { sha256 } = await publish(store, randomBytes(1_000_000));
    const before = await readdir("/proc/self/fd");
    for await (const piece of store.read(sha256, { start: 0, end: 1e9 }, { chunkBytes: 4096, signal: NEVER })) {
      expect(piece).toHaveLength(4096);
      break;
    }
    expect(await readdir("/proc/self/fd")).toHaveLength(before.length);
  });

  it("reports every single damaged byte of a stored file, and never serves a wrong one", async () => {
    await using folder = await openTemporaryFolder();
    await using store = await FsBlobStore.open(folder.path);
    const content = randomBytes(70_000);
    const { sha256 } = await publish(store, content);
    const { size } = await stat(pathOf(folder.path, sha256));
    const seed = randomInt(size);
    process.stdout.write(`fs-blob-store.test.ts: first damaged byte ${String(seed)}\n`);
    for (let round = 0; round < 200; round += 1) {
      const offset = round < 100 ? (seed + round * 7919) % size : size - 1 - (round % 60);
      await flipByte(pathOf(folder.path, sha256), offset);
      const error = await readAll(store, sha256).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ reason: "CORRUPT_DATA" });
      await flipByte(pathOf(folder.path, sha256), offset);
    }
    expect(sha(await readAll(store, sha256))).toBe(sha256);
  });

  it.each([
    ["cut", (path: string) => truncate(path, 50_000)],
    ["emptied", (path: string) => truncate(path, 0)],
    ["extended", (path: string) => appendFile(path, "more")],
    ["replaced", (path: string) => writeFile(path, randomBytes(70_000))],
  ])("reports a stored file that was %s", async (_, damage) => {
    await using folder = await openTemporaryFolder();
    await using store = await FsBlobStore.open(folder.path);
    const { sha256 } = await publish(store, randomBytes(70_000));
    await damage(pathOf(folder.path, sha256));
    await expect(readAll(store, sha256)).rejects.toMatchObject({ reason: "CORRUPT_DATA" });
  });

  it("mends damaged content when the same content is published again", async () => {
    await using folder = await openTemporaryFolder();
    await using store = await FsBlobStore.open(folder.path);
    const content = randomBytes(70_000);
    const { sha256 } = await publish(store, content);
    await flipByte(pathOf(folder.path, sha256), 5);
    await publish(store, content);
    expect(sha(await readAll(store, sha256))).toBe(sha256);
  });

  it("does not tell where its files are when it fails", async () => {
    await using folder = await openTemporaryFolder();
    const store = await FsBlobStore.open(folder.path);
    await folder[Symbol.asyncDispose]();
    const error = await store.stage("a").catch((reason: unknown) => reason);
    expect(error).toMatchObject({ reason: "BACKEND_UNAVAILABLE", message: "the server cannot open an upload" });
  });

  it.each([
    ["ENOSPC", "QUOTA_EXCEEDED"],
    ["EDQUOT", "QUOTA_EXCEEDED"],
    ["EIO", "BACKEND_UNAVAILABLE"],
  ])("answers %s with %s", async (code, reason) => {
    await using folder = await openTemporaryFolder();
    const hook = (): never => {
      throw Object.assign(new Error(`${code}: at ${folder.path}`), { code });
    };
    await using store = await FsBlobStore.open(folder.path, { hook });
    await using staged = await store.stage("a");
    const error = await staged.write(0, Buffer.from("x")).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ reason });
    expect((error as Error).message).not.toContain(folder.path);
  });

  it("goes on after a full disk, with the right digest", async () => {
    await using folder = await openTemporaryFolder();
    let full = true;
    const hook = (point: Failpoint): void => {
      if (full && point === "after_write") throw Object.assign(new Error("no space"), { code: "ENOSPC" });
    };
    await using store = await FsBlobStore.open(folder.path, { hook });
    await using staged = await store.stage("a");
    await expect(staged.write(0, Buffer.from("hello"))).rejects.toMatchObject({ reason: "QUOTA_EXCEEDED" });
    full = false;
    await staged.write(0, Buffer.from("howdy"));
    expect((await staged.digest(5, { signal: NEVER })).sha256).toBe(sha(Buffer.from("howdy")));
  });

  it("never acknowledges anything after an fsync that failed", async () => {
    await using folder = await openTemporaryFolder();
    let broken = true;
    const hook = (point: Failpoint): void => {
      if (broken && point === "after_fsync") throw Object.assign(new Error("i/o error"), { code: "EIO" });
    };
    await using store = await FsBlobStore.open(folder.path, { hook });
    await using staged = await store.stage("a");
    await staged.write(0, Buffer.from("hello"));
    await expect(staged.sync()).rejects.toMatchObject({ reason: "BACKEND_UNAVAILABLE" });
    broken = false;
    await expect(staged.sync()).rejects.toMatchObject({ reason: "BACKEND_UNAVAILABLE" });
    await expect(staged.write(5, Buffer.from("x"))).rejects.toMatchObject({ reason: "BACKEND_UNAVAILABLE" });
    await expect(staged.digest(5, { signal: NEVER })).rejects.toMatchObject({ reason: "BACKEND_UNAVAILABLE" });
  });
});

describe("FsBlobStore after a crash", () => {
  const content = randomBytes(200_000);
  const expected = sha(content);
  const points: readonly Failpoint[] = [
    "before_write",
    "after_write",
    "after_fsync",
    "before_rename",
    "after_rename",
    "before_dirsync",
  ];
  /** Every moment of a publication: the point, and how many times it is passed before the world ends. */
  const moments = points.flatMap((point) => [0, 1].map((passes) => [point, passes] as const));

  it.each(moments)("shows the whole blob or none of it (%s, pass %i)", async (point, passes) => {
    await using folder = await openTemporaryFolder();
    let left = passes;
    let ended = false;
    const hook = (reached: Failpoint): void => {
      if (reached === point && left-- === 0) ended = true;
      if (ended) throw new Error("the world ended");
    };
    const crashed = await FsBlobStore.open(folder.path, { hook });
    await publish(crashed, content).catch(() => {});
    await using store = await FsBlobStore.open(folder.path); // as it is on the disk now
    const there = await store.has(expected);
    expect(await store.list({ limit: 10 })).toEqual(there ? [expected] : []);
    if (there) expect(sha(await readAll(store, expected))).toBe(expected);
    else expect((await store.listStaged()).length).toBe(1);
    // Whatever the moment, the same upload gets through the second time.
    await publish(store, content);
    expect(sha(await readAll(store, expected))).toBe(expected);
    expect(await store.listStaged()).toEqual([]);
    await crashed[Symbol.asyncDispose]();
  });

  it("finds the synced bytes of an upload whose publication was cut off behind its footer", async () => {
    await using folder = await openTemporaryFolder();
    const hook = (point: Failpoint): void => {
      if (point === "before_rename") throw new Error("the world ended");
    };
    const crashed = await FsBlobStore.open(folder.path, { hook });
    await publish(crashed, content).catch(() => {});
    expect((await readFile(join(folder.path, "staging", "a"))).length).toBeGreaterThan(content.length);
    await using store = await FsBlobStore.open(folder.path);
    await using staged = await store.stage("a");
    await staged.truncate(content.length);
    expect((await staged.digest(content.length, { signal: NEVER })).sha256).toBe(expected);
    await crashed[Symbol.asyncDispose]();
  });
});
