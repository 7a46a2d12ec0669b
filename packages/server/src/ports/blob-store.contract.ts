import { createHash, randomBytes } from "node:crypto";

import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { crc32c } from "@millrace/shared-types";

import type { BlobDigest, BlobStore, StagedBlob } from "./blob-store.js";

/** A place where a blob store lives. */
export interface BlobStorePlace extends AsyncDisposable {
  open(): Promise<BlobStore>;
  /** Whether opening the place again finds what was synced and published. */
  readonly persistent: boolean;
  /** Damages one byte of stored content, where bytes can be damaged. */
  readonly corrupt?: (sha256: string, offset: number) => Promise<void>;
}

const NEVER: AbortSignal = new AbortController().signal;

/** What every BlobStore promises. The test file of each adapter calls this once. */
export function describeBlobStore(name: string, makePlace: () => Promise<BlobStorePlace>): void {
  describe(`BlobStore contract: ${name}`, () => {
    let place: BlobStorePlace;
    let store: BlobStore;

    beforeEach(async () => {
      place = await makePlace();
      store = await place.open();
    });

    afterEach(async () => {
      await store[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    });

    const publish = async (content: Uint8Array, id = "publish"): Promise<BlobDigest> => {
      await using staged = await store.stage(id);
      await staged.write(0, content);
      const digest = await staged.digest(content.length, { signal: NEVER });
      await staged.publish(digest);
      return digest;
    };
    const reopen = async (): Promise<void> => {
      await store[Symbol.asyncDispose]();
      store = await place.open();
    };

    describe("staging", () => {
      it("digests what was written in order", async () => {
        const content = randomBytes(200_000);
        await using staged = await store.stage("a");
        for (let at = 0; at < content.length; at += 30_000) await staged.write(at, content.subarray(at, at + 30_000));
        expect(await staged.digest(content.length, { signal: NEVER })).toEqual(digestOf(content));
      });

      it("digests what was written in any order, and overwritten", async () => {
        const content = randomBytes(200_000);
        await using staged = await store.stage("a");
        await staged.write(100_000, content.subarray(100_000));
        await staged.write(0, randomBytes(50_000));
        await Promise.all([
          staged.write(0, content.subarray(0, 50_000)),
          staged.write(50_000, content.subarray(50_000, 100_000)),
        ]);
        expect(await staged.digest(content.length, { signal: NEVER })).toEqual(digestOf(content));
      });

      it("digests a prefix, and goes on after that", async () => {
        const content = randomBytes(100_000);
        await using staged = await store.stage("a");
        await staged.write(0, content.subarray(0, 70_000));
        expect(await staged.digest(1000, { signal: NEVER })).toEqual(digestOf(content.subarray(0, 1000)));
        await staged.write(70_000, content.subarray(70_000));
        expect(await staged.digest(100_000, { signal: NEVER })).toEqual(digestOf(content));
      });

      it("digests nothing at all", async () => {
        await using staged = await store.stage("a");
        expect(await staged.digest(0, { signal: NEVER })).toEqual(digestOf(Buffer.alloc(0)));
      });

      it("does not digest or keep more bytes than there are", async () => {
        await using staged = await store.stage("a");
        await staged.write(0, Buffer.from("abc"));
        await expect(staged.truncate(4)).rejects.toMatchObject({ reason: "CORRUPT_DATA" });
        await using again = await store.stage("a");
        await expect(again.digest(4, { signal: NEVER })).rejects.toMatchObject({ reason: "CORRUPT_DATA" });
      });

      it("stops digesting when the signal aborts, and can still be used", async () => {
        await using staged = await store.stage("a");
        await staged.write(1, Buffer.from("bc"));
        const reason = new Error("enough");
        await expect(staged.digest(3, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
        await staged.write(0, Buffer.from("a"));
        expect(await staged.digest(3, { signal: NEVER })).toEqual(digestOf(Buffer.from("abc")));
      });

      it("goes on where it was after it was closed", async () => {
        {
          await using staged = await store.stage("a");
          await staged.write(0, Buffer.from("hello "));
          await staged.sync();
        }
        if (place.persistent) await reopen();
        await using staged = await store.stage("a");
        await staged.write(6, Buffer.from("world"));
        expect(await staged.digest(11, { signal: NEVER })).toEqual(digestOf(Buffer.from("hello world")));
      });

      it("drops what lies behind a truncation", async () => {
        await using staged = await store.stage("a");
        await staged.write(0, Buffer.from("hello there"));
        await staged.truncate(6);
        expect(await store.stagedBytes()).toBe(6);
        await staged.write(8, Buffer.from("!"));
        expect(await staged.digest(9, { signal: NEVER })).toEqual(digestOf(Buffer.from("hello \0\0!")));
        await staged.truncate(0);
        await staged.write(0, Buffer.from("new"));
        expect(await staged.digest(3, { signal: NEVER })).toEqual(digestOf(Buffer.from("new")));
      });

      it("is taken over by whoever opens it next: the earlier holder can do nothing more", async () => {
        await using first = await store.stage("a");
        await first.write(0, Buffer.from("one"));
        await using second = await store.stage("a");
        for (const attempt of everyUse(first))
          await expect(attempt()).rejects.toMatchObject({ reason: "UPLOAD_PREEMPTED" });
        await second.write(3, Buffer.from("two"));
        expect(await second.digest(6, { signal: NEVER })).toEqual(digestOf(Buffer.from("onetwo")));
      });

      it("has one holder in the end when many open it at once", async () => {
        const holders = await Promise.all(Array.from({ length: 10 }, () => store.stage("a")));
        const results = await Promise.allSettled(holders.map((staged) => staged.write(0, Buffer.from("x"))));
        expect(results.map(({ status }) => status)).toEqual([...Array<string>(9).fill("rejected"), "fulfilled"]);
        for (const staged of holders) await staged[Symbol.asyncDispose]();
      });

      it("is gone after it was discarded, also for its holder", async () => {
        await using staged = await store.stage("a");
        await staged.write(0, Buffer.from("hello"));
        await store.discard("a");
        await store.discard("a");
        await expect(staged.write(5, Buffer.from("x"))).rejects.toMatchObject({ reason: "UPLOAD_PREEMPTED" });
        expect(await store.listStaged()).toEqual([]);
        expect(await store.stagedBytes()).toBe(0);
      });

      it("is listed and measured", async () => {
        for (const id of ["a", "b", "z9"]) {
          await using staged = await store.stage(id);
          await staged.write(0, Buffer.alloc(100));
        }
        expect((await store.listStaged()).toSorted()).toEqual(["a", "b", "z9"]);
        expect(await store.stagedBytes()).toBe(300);
      });

      it("can be closed twice", async () => {
        const staged = await store.stage("a");
        await staged[Symbol.asyncDispose]();
        await staged[Symbol.asyncDispose]();
        await expect(staged.write(0, Buffer.from("x"))).rejects.toMatchObject({ reason: "UPLOAD_PREEMPTED" });
      });
    });

    describe("publication", () => {
      it("makes a blob of the staged bytes and ends the staging", async () => {
        const content = randomBytes(150_000);
        const { sha256 } = await publish(content);
        expect(await store.has(sha256)).toBe(true);
        expect(await store.listStaged()).toEqual([]);
        if (place.persistent) await reopen();
        expect(sha(await readAll(store, sha256))).toBe(sha256);
      });

      it("leaves out staged bytes behind the digest", async () => {
        await using staged = await store.stage("a");
        await staged.write(0, Buffer.from("hello there"));
        const digest = await staged.digest(5, { signal: NEVER });
        await staged.publish(digest);
        expect((await readAll(store, digest.sha256)).toString()).toBe("hello");
      });

      it("stores the same content once", async () => {
        const content = randomBytes(1000);
        await publish(content);
        await using staged = await store.stage("again");
        await staged.write(0, content);
        const digest = await staged.digest(1000, { signal: NEVER });
        expect(await staged.publish(digest)).toEqual({ deduplicated: true });
        expect(await store.list({ limit: 10 })).toEqual([digest.sha256]);
        expect(await store.listStaged()).toEqual([]);
        expect(sha(await readAll(store, digest.sha256))).toBe(digest.sha256);
      });

      it("publishes the empty content", async () => {
        const { sha256 } = await publish(Buffer.alloc(0));
        expect(await store.has(sha256)).toBe(true);
        expect(await readAll(store, sha256)).toHaveLength(0);
      });

      it("can begin the same staging id again", async () => {
        await publish(Buffer.from("one"), "same");
        const { sha256 } = await publish(Buffer.from("two"), "same");
        expect((await readAll(store, sha256)).toString()).toBe("two");
      });
    });

    describe("reading", () => {
      const content = randomBytes(300_000);
      const edges = [0, 1, 4095, 65_535, 65_536, 65_537, 131_072, 299_999, 300_000];
      const ranges = edges.flatMap((start) => edges.filter((end) => end >= start).map((end) => [start, end] as const));

      it.each([1000, 65_536, 100_000, 1_048_576])(
        "gives any range in pieces of at most %i bytes",
        async (chunkBytes) => {
          const { sha256 } = await publish(content);
          for (const [start, end] of ranges.filter((_, index) => chunkBytes > 1000 || index % 7 === 0)) {
            const pieces: Uint8Array[] = [];
            for await (const piece of store.read(sha256, { start, end }, { chunkBytes, signal: NEVER }))
              pieces.push(Uint8Array.from(piece));
            expect(Math.max(0, ...pieces.map(({ length }) => length))).toBeLessThanOrEqual(chunkBytes);
            expect(pieces.every(({ length }) => length > 0)).toBe(true);
            expect(sha(Buffer.concat(pieces))).toBe(sha(content.subarray(start, end)));
          }
        },
      );

      it("ignores the part of a range behind the end", async () => {
        const { sha256 } = await publish(Buffer.from("hello"));
        expect((await readAll(store, sha256, { start: 3, end: 1e9 })).toString()).toBe("lo");
        expect(await readAll(store, sha256, { start: 7, end: 9 })).toHaveLength(0);
      });

      it("does not find what is not there", async () => {
        await expect(readAll(store, "0".repeat(64))).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
      });

      it("goes on when the blob is deleted meanwhile", async () => {
        const { sha256 } = await publish(content);
        const pieces: Uint8Array[] = [];
        for await (const piece of store.read(sha256, { start: 0, end: 3e5 }, { chunkBytes: 1e4, signal: NEVER })) {
          if (pieces.length === 0) await store.delete(sha256);
          pieces.push(Uint8Array.from(piece));
        }
        expect(sha(Buffer.concat(pieces))).toBe(sha256);
        expect(await store.has(sha256)).toBe(false);
        await expect(readAll(store, sha256)).rejects.toMatchObject({ reason: "RESOURCE_NOT_FOUND" });
      });

      it("stops when the signal aborts", async () => {
        const { sha256 } = await publish(content);
        const abort = new AbortController();
        const pieces = store.read(sha256, { start: 0, end: 3e5 }, { chunkBytes: 1000, signal: abort.signal });
        await pieces.next();
        const reason = new Error("enough");
        abort.abort(reason);
        await expect(pieces.next()).rejects.toBe(reason);
      });

      it("finds every damaged byte before it hands it out, and serves the blocks around it", async () => {
        if (place.corrupt === undefined) return;
        const { sha256 } = await publish(content);
        await place.corrupt(sha256, 100_000);
        await expect(readAll(store, sha256)).rejects.toMatchObject({
          reason: "CORRUPT_DATA",
          metadata: { offset: "65536" },
        });
        await expect(readAll(store, sha256, { start: 131_000, end: 131_001 })).rejects.toMatchObject({
          reason: "CORRUPT_DATA",
        });
        const around = await readAll(store, sha256, { start: 131_072, end: 300_000 });
        expect(sha(around)).toBe(sha(content.subarray(131_072)));
      });
    });

    it("lists blobs in order, page by page, and forgets deleted ones", async () => {
      const all: string[] = [];
      for (let index = 0; index < 30; index += 1) all.push((await publish(randomBytes(10))).sha256);
      all.sort();
      await store.delete(all[7] ?? "");
      await store.delete(all[7] ?? "");
      all.splice(7, 1);
      const paged: string[] = [];
      for (let page: readonly string[] = []; ;) {
        const after = page.at(-1);
        page = await store.list({ limit: 10, ...(after !== undefined && { after }) });
        if (page.length === 0) break;
        paged.push(...page);
      }
      expect(paged).toEqual(all);
    });
  });
}

function everyUse(staged: StagedBlob): (() => Promise<unknown>)[] {
  return [
    () => staged.write(0, Buffer.from("late")),
    () => staged.sync(),
    () => staged.truncate(0),
    () => staged.digest(3, { signal: NEVER }),
    () => staged.publish(digestOf(Buffer.from("one"))),
  ];
}

async function readAll(store: BlobStore, sha256: string, range = { start: 0, end: 1e9 }): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of store.read(sha256, range, { chunkBytes: 65_536, signal: NEVER }))
    pieces.push(Uint8Array.from(piece));
  return Buffer.concat(pieces);
}

function digestOf(content: Uint8Array): BlobDigest {
  return { size: content.length, sha256: sha(content), crc32c: crc32c(content) };
}

function sha(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
