import { createHash, randomInt } from "node:crypto";
import { open } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";

import { describe, expect, it } from "@jest/globals";
import { CreateUploadRequest, DownloadRequest, UploadState } from "@millrace/shared-types";

import { FsBlobStore } from "../adapters/embedded/fs-blob-store.js";
import { openTemporaryFolder } from "../adapters/embedded/temporary-folder.js";
import { MemoryRecordStore } from "../adapters/memory/memory-record-store.js";
import type { RecordStore } from "../ports/record-store.js";

import { createUpload } from "./create-upload.js";
import { downloadFile } from "./download-file.js";
import type { FilesDeps } from "./files-deps.js";
import {
  chunk,
  collect,
  contextOf,
  openFilesFixture,
  randomContent,
  seedChunks,
  specOf,
  streamOf,
} from "./files-fixture.test.support.js";
import { finishUpload } from "./finish-upload.js";
import { getUpload } from "./get-upload.js";
import { listFiles } from "./list-files.js";
import { uploadFile } from "./upload-file.js";

const sha256 = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");
const content = randomContent(1_200_000);

/** The end of a process: from a chosen step on, nothing reaches the disk any more. */
class Ending {
  steps: number;
  hasCome = false;

  constructor(steps: number) {
    this.steps = steps;
  }

  step(): void {
    if (this.steps-- <= 0) this.hasCome = true;
    if (this.hasCome) throw new Error("the process was killed");
  }

  /** Commits are steps too: each either happens or does not. */
  around(records: RecordStore): RecordStore {
    return {
      get: (collection, key) => this.#unlessEnded(() => records.get(collection, key)),
      scan: (collection, options) => this.#unlessEnded(() => records.scan(collection, options)),
      commit: async (mutations) => {
        this.step();
        await records.commit(mutations);
        this.step();
      },
      [Symbol.asyncDispose]: async () => {},
    };
  }

  async #unlessEnded<T>(read: () => Promise<T>): Promise<T> {
    if (this.hasCome) throw new Error("the process was killed");
    return read();
  }
}

/** What outlives a process. Records are in memory: that a commit is durable is for their own tests. */
interface Disk extends AsyncDisposable {
  readonly path: string;
  readonly records: RecordStore;
}

async function openDisk(): Promise<Disk> {
  const folder = await openTemporaryFolder();
  return {
    path: folder.path,
    records: new MemoryRecordStore(),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** Runs `work` until the ending; whether that came. */
async function runUntil(disk: Disk, ending: Ending, work: (deps: FilesDeps) => Promise<unknown>): Promise<boolean> {
  await using blobs = await MortalBlobStore.openMortal(disk.path, ending);
  await using fixture = await openFilesFixture({ blobs, records: ending.around(disk.records) });
  await work(fixture.files).catch(() => {});
  return ending.hasCome;
}

/** Error handlers that clean up do not run in a process that was killed. */
class MortalBlobStore extends FsBlobStore {
  readonly #ending: Ending;

  private constructor(path: string, ending: Ending) {
    super(path, { hook: () => ending.step() });
    this.#ending = ending;
  }

  static async openMortal(path: string, ending: Ending): Promise<MortalBlobStore> {
    await (await FsBlobStore.open(path))[Symbol.asyncDispose](); // makes the folders
    return new MortalBlobStore(path, ending);
  }

  override async discard(id: string): Promise<void> {
    if (!this.#ending.hasCome) await super.discard(id);
  }

  override async delete(sha: string): Promise<void> {
    if (!this.#ending.hasCome) await super.delete(sha);
  }
}

/** The stores as a new process finds them, once its first sweep is done. */
async function withRecovered(disk: Disk, check: (deps: FilesDeps) => Promise<void>): Promise<void> {
  await using blobs = await FsBlobStore.open(disk.path);
  await using fixture = await openFilesFixture({ blobs, records: disk.records });
  while (fixture.clock.timers === 0) await setImmediate();
  await check(fixture.files);
}

async function sumOf(deps: FilesDeps, fileId = ""): Promise<string> {
  const pieces = await collect(downloadFile(DownloadRequest.fromPartial({ fileId }), contextOf(), deps));
  return sha256(Buffer.concat(pieces.map((piece) => piece.content)));
}

describe("a server that is killed at any step of an upload session", () => {
  /** Sends the whole file through one session. */
  async function sendAll(deps: FilesDeps, note: (uploadId: string) => void): Promise<void> {
    const request = CreateUploadRequest.fromPartial({ spec: specOf({ filename: "f" }), idempotencyKey: "k" });
    const uploadId = (await createUpload(request, contextOf(), deps)).upload?.uploadId ?? "";
    note(uploadId);
    const chunks = seedChunks("f", content, 1_000_000).map((piece) => ({ ...piece, uploadId, flush: true }));
    await uploadFile(streamOf(...chunks, chunk({ finishWrite: true })), contextOf(), deps);
  }

  it("shows no partial file, keeps what it committed, and finishes the upload when it is asked again", async () => {
    for (let steps = 0; ; steps += 1) {
      await using disk = await openDisk();
      let uploadId = "";
      const killed = await runUntil(disk, new Ending(steps), (deps) => sendAll(deps, (id) => (uploadId = id)));
      await withRecovered(disk, async (deps) => {
        const { files } = await listFiles({ prefix: "", pageSize: 0, pageToken: "" }, contextOf(), deps);
        for (const file of files) expect(await sumOf(deps, file.fileId)).toBe(sha256(content));
        if (uploadId === "") return;
        const before = (await getUpload({ uploadId }, contextOf(), deps)).upload;
        const rest = chunk({
          uploadId,
          content: content.subarray(before?.committedSize),
          offset: before?.committedSize ?? 0,
          finishWrite: true,
        });
        const limits = { ...deps.limits, maxChunkBytes: content.length };
        const answer = await uploadFile(streamOf(rest), contextOf(), { ...deps, limits });
        expect(answer.checksum).toBe(sha256(content));
        expect(await sumOf(deps, answer.fileId)).toBe(sha256(content));
        expect(await deps.blobs.listStaged()).toEqual([]);
        expect(await deps.blobs.list({ limit: 10 })).toEqual([sha256(content)]);
        const again = await finishUpload({ uploadId, checksums: undefined, totalSize: 0 }, contextOf(), deps);
        expect(again.file?.fileId).toBe(answer.fileId);
        expect((await getUpload({ uploadId }, contextOf(), deps)).upload?.state).toBe(UploadState.COMPLETE);
      });
      if (!killed) {
        expect(steps).toBeGreaterThan(15);
        return;
      }
    }
  });

  it("leaves nothing of a seed-style upload but the whole file or nothing", async () => {
    for (let steps = 0; ; steps += 1) {
      await using disk = await openDisk();
      const killed = await runUntil(disk, new Ending(steps), (deps) =>
        uploadFile(streamOf(...seedChunks("f", content, 1_000_000)), contextOf(), deps),
      );
      await withRecovered(disk, async (deps) => {
        const { files } = await listFiles({ prefix: "", pageSize: 0, pageToken: "" }, contextOf(), deps);
        for (const file of files) expect(await sumOf(deps, file.fileId)).toBe(sha256(content));
        expect(await deps.blobs.listStaged()).toEqual([]);
        expect(await deps.blobs.list({ limit: 10 })).toHaveLength(files.length);
      });
      if (!killed) {
        expect(steps).toBeGreaterThan(8);
        return;
      }
    }
  });
});

describe("the bytes of an unfinished upload on the disk", () => {
  it("are found damaged before they are published", async () => {
    await using disk = await openDisk();
    const offset = randomInt(1_000_000);
    let uploadId = "";
    await runUntil(disk, new Ending(Infinity), async (deps) => {
      const request = CreateUploadRequest.fromPartial({ spec: specOf({ filename: "f" }) });
      uploadId = (await createUpload(request, contextOf(), deps)).upload?.uploadId ?? "";
      await uploadFile(streamOf(chunk({ uploadId, content: content.subarray(0, 1_000_000) })), contextOf(), deps);
    });
    {
      await using file = await open(`${disk.path}/staging/${uploadId}`, "r+");
      await file.write(Buffer.from([(content[offset] ?? 0) ^ 1]), 0, 1, offset);
    }
    await withRecovered(disk, async (deps) => {
      const finish = uploadFile(streamOf(chunk({ uploadId, finishWrite: true })), contextOf(), deps);
      await expect(finish).rejects.toMatchObject({ reason: "CORRUPT_DATA" });
      expect(await deps.blobs.listStaged()).toEqual([]);
      expect((await listFiles({ prefix: "", pageSize: 0, pageToken: "" }, contextOf(), deps)).files).toEqual([]);
    });
  });
});
