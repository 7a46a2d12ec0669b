import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";

import { describe, expect, it } from "@jest/globals";
import { methodPath, FileServiceDefinition, UploadState } from "@millrace/shared-types";

import { randomFaults } from "../testing/fault-plan.js";
import { latch } from "../testing/latch.js";
import { VirtualClock } from "../testing/virtual-clock.js";
import { FakeFileServer } from "./fake-file-server.test.support.js";
import { openFiles, piecesOf, testBytes } from "./open-files.test.support.js";
import { MemoryResumeStore } from "./resume-store.js";
import type { UploadProgress } from "./types.js";
import { UPLOAD_WINDOW_BYTES } from "./upload-window.js";

const KIB = 1024;
const MIB = 1024 * KIB;
const WRITE_FILE = methodPath(FileServiceDefinition, FileServiceDefinition.methods.writeFile);
const CREATE_UPLOAD = methodPath(FileServiceDefinition, FileServiceDefinition.methods.createUpload);
const GET_UPLOAD = methodPath(FileServiceDefinition, FileServiceDefinition.methods.getUpload);

const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Cuts the first `count` WriteFile streams after some messages. */
const cutWrites = (count: number, messages: number) => {
  let left = count;
  return ({ path }: { readonly path: string }) =>
    path === WRITE_FILE && left-- > 0 ? { cutAfter: { messages } } : undefined;
};

describe("an upload", () => {
  it("publishes the bytes and tells their size and checksum", async () => {
    await using opened = openFiles();
    const bytes = testBytes(3 * MIB + 5);
    const result = await opened.files.upload(bytes, { filename: "a.bin", chunkBytes: 100_000 });
    expect(result).toMatchObject({ filename: "a.bin", size: bytes.byteLength, sha256: sha256Of(bytes) });
    expect(result).toMatchObject({ attempts: 1, resentBytes: 0, deduplicated: false });
    expect(opened.server.files.get(result.fileId)?.content.equals(bytes)).toBe(true);
    expect(opened.transport.liveCalls).toBe(0);
  });

  it("uploads an empty file", async () => {
    await using opened = openFiles();
    const result = await opened.files.upload(new Uint8Array(0), { filename: "empty" });
    expect(result).toMatchObject({ size: 0, sha256: sha256Of(new Uint8Array(0)) });
  });

  it("never has more than the window unacknowledged, also with a server that commits only when told to", async () => {
    await using opened = openFiles();
    opened.server.commitEveryBytes = Infinity;
    const bytes = testBytes(20 * MIB);
    const seen: UploadProgress[] = [];
    await opened.files.upload(bytes, { filename: "a", chunkBytes: MIB - 1, onProgress: (at) => seen.push(at) });
    expect(opened.server.mostUnacknowledgedBytes).toBeLessThanOrEqual(UPLOAD_WINDOW_BYTES);
    expect(opened.server.mostUnacknowledgedBytes).toBeGreaterThan(UPLOAD_WINDOW_BYTES - 2 * MIB);
    for (const { sentBytes, committedBytes } of seen) {
      expect(sentBytes - committedBytes).toBeLessThanOrEqual(UPLOAD_WINDOW_BYTES);
    }
  });

  it("reports progress that never goes back and ends with everything committed", async () => {
    await using opened = openFiles(cutWrites(2, 15));
    const bytes = testBytes(9 * MIB);
    const seen: UploadProgress[] = [];
    await opened.files.upload(bytes, { filename: "a", onProgress: (progress) => seen.push(progress) });
    const committed = seen.map(({ committedBytes }) => committedBytes);
    expect(committed).toEqual(committed.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toMatchObject({ sentBytes: 9 * MIB, committedBytes: 9 * MIB, totalBytes: 9 * MIB });
  });

  it("goes on by itself after the connection is lost, sending again what was not durable", async () => {
    await using opened = openFiles(cutWrites(3, 18));
    const bytes = testBytes(12 * MIB);
    const result = await opened.files.upload(bytes, { filename: "a", chunkBytes: MIB / 4 });
    expect(result).toMatchObject({ attempts: 4, sha256: sha256Of(bytes) });
    expect(result.resentBytes).toBeGreaterThan(0);
    expect(result.resentBytes).toBeLessThanOrEqual(3 * UPLOAD_WINDOW_BYTES);
    expect(opened.server.createCalls).toBe(1);
  });

  it("survives cuts, refusals and lost answers at random points, from a source that is read once", async () => {
    const seed = Date.now() % 1_000_000;
    for (let round = 0; round < 20; round++) {
      const faults = randomFaults(seed + round, { probability: 0.7, maxMessages: 40 });
      await using opened = openFiles(faults);
      opened.server.commitEveryBytes = 64 * KIB;
      const bytes = testBytes(512 * KIB + round);
      const source = piecesOf(bytes, 1000 + round * 997);
      const result = await opened.files.upload(source, { filename: "a", chunkBytes: 16 * KIB });
      const facts = { seed: seed + round, sha256: result.sha256, size: result.size, files: opened.server.files.size };
      expect(facts).toEqual({ seed: seed + round, sha256: sha256Of(bytes), size: bytes.byteLength, files: 1 });
    }
  });

  it("reads a source only once and hashes it only once, however often it resumes", async () => {
    await using opened = openFiles(cutWrites(5, 10));
    const bytes = testBytes(4 * MIB);
    let readBytes = 0;
    const counted = async function* () {
      for await (const piece of piecesOf(bytes, 64 * KIB)) {
        readBytes += piece.byteLength;
        yield piece;
      }
    };
    const result = await opened.files.upload(counted(), { filename: "a" });
    expect(result.sha256).toBe(sha256Of(bytes));
    expect(readBytes).toBe(bytes.byteLength);
  });

  it("learns that the file is published although the answer was lost", async () => {
    const server = new FakeFileServer();
    await using opened = openFiles({}, server);
    let losses = 1;
    server.beforeAnswer = () => {
      if (losses-- > 0) opened.transport.disconnect();
    };
    const bytes = testBytes(100);
    const result = await opened.files.upload(bytes, { filename: "a" });
    expect(result).toMatchObject({ attempts: 2, sha256: sha256Of(bytes) });
    expect(server.files.size).toBe(1);
  });

  it("makes one session although the answer to its creation was lost", async () => {
    let losses = 1;
    await using opened = openFiles(({ path }) =>
      path.endsWith("CreateUpload") && losses-- > 0 ? { dropAck: true } : undefined,
    );
    await opened.files.upload(testBytes(10), { filename: "a" });
    expect(opened.server.createCalls).toBe(2);
    expect(opened.server.sessions.size).toBe(1);
  });

  it.each([CREATE_UPLOAD, GET_UPLOAD])("goes on if %s is not answered in time", async (silent) => {
    const clock = new VirtualClock();
    let isStalled = false;
    const plan = ({ path }: { readonly path: string }) => {
      if (silent === GET_UPLOAD && path === WRITE_FILE && !isStalled) return { cutAfter: { messages: 1 } };
      if (path !== silent || isStalled) return undefined;
      isStalled = true;
      return { stallAfter: { messages: 0 } };
    };
    await using opened = openFiles(plan, new FakeFileServer(), clock);
    const upload = opened.files.upload(testBytes(MIB), { filename: "a" });
    let isOver = false;
    const end = (): void => void (isOver = true);
    const over = upload.then(end, end);
    // Slow enough for the calls that are answered, which take some turns.
    for (; !isOver; await setImmediate()) await clock.advance(100);
    await over;
    expect(await upload).toMatchObject({ size: MIB, attempts: silent === CREATE_UPLOAD ? 2 : 3 });
    expect(isStalled).toBe(true);
  });

  it("fails with the error of the source, and keeps the session", async () => {
    await using opened = openFiles();
    const failing = async function* () {
      yield testBytes(10);
      throw new Error("disk on fire");
    };
    const upload = opened.files.upload(failing(), { filename: "a" });
    await expect(upload).rejects.toThrow("disk on fire");
    expect(opened.server.sessions.get(await upload.uploadId)?.state).toBe(UploadState.OPEN);
  });

  it.each([
    ["fewer", 11],
    ["more", 9],
  ])("fails if the source has %s bytes than declared", async (_, size) => {
    await using opened = openFiles();
    const upload = opened.files.upload(piecesOf(testBytes(10), 3), { filename: "a", size });
    await expect(upload).rejects.toMatchObject({ name: "SourceChangedError" });
    expect(opened.server.files.size).toBe(0);
  });

  it("fails with what onProgress throws", async () => {
    await using opened = openFiles();
    const onProgress = (): never => {
      throw new Error("no more");
    };
    await expect(opened.files.upload(testBytes(10), { filename: "a", onProgress })).rejects.toThrow("no more");
  });

  it.each([1023, 1_048_577, 2048.5])("refuses chunks of %d bytes", async (chunkBytes) => {
    await using opened = openFiles();
    await expect(opened.files.upload(testBytes(10), { filename: "a", chunkBytes })).rejects.toThrow(RangeError);
  });

  it("fails at once if resuming is switched off", async () => {
    await using opened = openFiles(cutWrites(1, 3));
    const upload = opened.files.upload(testBytes(MIB), { filename: "a", resume: false });
    await expect(upload).rejects.toMatchObject({ kind: "unavailable" });
  });

  it("gives up when another writer takes over the session", async () => {
    await using opened = openFiles();
    const waits = latch();
    const goOn = latch();
    const slow = async function* () {
      yield testBytes(KIB);
      waits.open();
      await goOn.promise;
      yield testBytes(KIB);
    };
    const upload = opened.files.upload(slow(), { filename: "a", chunkBytes: KIB });
    await waits.promise;
    const session = opened.server.sessions.get(await upload.uploadId);
    if (session !== undefined) session.writers++;
    goOn.open();
    await expect(upload).rejects.toMatchObject({ reason: "UPLOAD_PREEMPTED" });
  });
});

describe("stopping an upload", () => {
  /** Yields once, then never again. */
  const endless = async function* (started: () => void) {
    yield testBytes(KIB);
    started();
    await new Promise(() => {});
  };

  it("rejects as cancelled when the signal aborts, while the source is waited for, and keeps the session", async () => {
    await using opened = openFiles();
    const caller = new AbortController();
    const started = latch();
    const source = endless(started.open);
    const upload = opened.files.upload(source, { filename: "a", chunkBytes: KIB, signal: caller.signal });
    await started.promise;
    caller.abort("enough");
    await expect(upload).rejects.toMatchObject({ name: "AbortError", cause: "enough" });
    expect(opened.server.sessions.get(await upload.uploadId)?.state).toBe(UploadState.OPEN);
    expect(opened.transport.liveCalls).toBe(0);
  });

  it("drops the session if it is terminated", async () => {
    await using opened = openFiles();
    const started = latch();
    const upload = opened.files.upload(endless(started.open), { filename: "a", chunkBytes: KIB });
    await started.promise;
    await upload.abort({ terminate: true });
    await expect(upload).rejects.toMatchObject({ name: "AbortError" });
    expect(opened.server.sessions.get(await upload.uploadId)?.state).toBe(UploadState.ABORTED);
  });

  it("keeps a published file whatever is asked afterwards", async () => {
    await using opened = openFiles();
    const upload = opened.files.upload(testBytes(1), { filename: "a" });
    const { fileId } = await upload;
    await upload.abort({ terminate: true });
    expect((await upload).fileId).toBe(fileId);
    expect([...opened.server.sessions.values()][0]?.state).toBe(UploadState.COMPLETE);
  });

  it("sends nothing while it is paused", async () => {
    await using opened = openFiles();
    const atHalf = latch();
    const upload = opened.files.upload(testBytes(4 * MIB), {
      filename: "a",
      onProgress({ sentBytes }) {
        if (sentBytes >= 2 * MIB && !atHalf.isOpen) {
          upload.pause();
          atHalf.open();
        }
      },
    });
    await atHalf.promise;
    await opened.files.stat("nothing").catch(() => {}); // a round trip, in which a running upload would go on
    const received = opened.server.receivedBytes;
    expect(received).toBeLessThanOrEqual(2 * MIB + 512 * KIB);
    upload.resume();
    expect((await upload).size).toBe(4 * MIB);
  });
});

describe("a pause", () => {
  it("may be longer than the time without progress that is allowed, also if the connection is lost in it", async () => {
    const clock = new VirtualClock();
    await using opened = openFiles({}, new FakeFileServer(), clock);
    const paused = latch();
    const upload = opened.files.upload(testBytes(4 * MIB), {
      filename: "a",
      onProgress({ sentBytes }) {
        if (sentBytes < MIB || paused.isOpen) return;
        upload.pause();
        paused.open();
      },
    });
    await paused.promise;
    opened.transport.disconnect();
    await clock.untilPending(1); // the backoff
    await clock.advance(3_600_000);
    opened.faults.refuse();
    upload.resume();
    await clock.untilPending(1);
    opened.faults.accept();
    await clock.advance(60_000);
    expect((await upload).size).toBe(4 * MIB);
  });
});

describe("an upload with a resume store", () => {
  const options = (store: MemoryResumeStore) => ({ filename: "a", chunkBytes: 64 * KIB, resume: { store, key: "k" } });

  async function interrupted(server: FakeFileServer, store: MemoryResumeStore, bytes: Buffer): Promise<string> {
    await using first = openFiles({}, server);
    const upload = first.files.upload(bytes, {
      ...options(store),
      onProgress: ({ committedBytes }) => void (committedBytes > 0 && upload.abort()),
    });
    await expect(upload).rejects.toMatchObject({ name: "AbortError" });
    return await upload.uploadId;
  }

  it("continues the session of an earlier process and sends only what is missing", async () => {
    const server = new FakeFileServer();
    server.commitEveryBytes = MIB;
    const store = new MemoryResumeStore();
    const bytes = testBytes(4 * MIB);
    const uploadId = await interrupted(server, store, bytes);
    const before = server.receivedBytes;
    const committed = server.sessions.get(uploadId)?.committedBytes ?? 0;
    await using second = openFiles({}, server);
    const upload = second.files.upload(bytes, options(store));
    expect(await upload).toMatchObject({ sha256: sha256Of(bytes), attempts: 1 });
    expect(await upload.uploadId).toBe(uploadId);
    expect(server.receivedBytes - before).toBe(bytes.byteLength - committed);
    expect(committed).toBeGreaterThanOrEqual(MIB);
  });

  it("forgets the session once the file is published", async () => {
    const store = new MemoryResumeStore();
    await using opened = openFiles();
    const first = opened.files.upload(testBytes(10), options(store));
    const second = opened.files.upload(testBytes(10), options((await first, store)));
    expect((await second).fileId).not.toBe((await first).fileId);
  });

  it("starts anew if the session has expired", async () => {
    const server = new FakeFileServer();
    server.commitEveryBytes = MIB;
    const store = new MemoryResumeStore();
    const bytes = testBytes(2 * MIB);
    server.expire(await interrupted(server, store, bytes));
    await using second = openFiles({}, server);
    expect(await second.files.upload(bytes, options(store))).toMatchObject({ sha256: sha256Of(bytes) });
  });

  it("starts anew if the file is to be another one", async () => {
    const server = new FakeFileServer();
    server.commitEveryBytes = MIB;
    const store = new MemoryResumeStore();
    const bytes = testBytes(2 * MIB);
    await interrupted(server, store, bytes);
    await using second = openFiles({}, server);
    const upload = second.files.upload(bytes, { ...options(store), metadata: { colour: "blue" } });
    expect(await upload).toMatchObject({ sha256: sha256Of(bytes) });
    expect(server.sessions.get(await upload.uploadId)?.spec.metadata.get("colour")).toBe("blue");
  });

  it("starts anew if the session is of other content", async () => {
    const server = new FakeFileServer();
    server.commitEveryBytes = MIB;
    const store = new MemoryResumeStore();
    await interrupted(server, store, testBytes(2 * MIB));
    await using second = openFiles({}, server);
    const other = testBytes(3 * MIB);
    expect(await second.files.upload(other, options(store))).toMatchObject({ sha256: sha256Of(other) });
  });
});
