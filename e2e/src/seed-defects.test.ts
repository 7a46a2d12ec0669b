import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { open, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createClient, type StreamingClient } from "@millrace/client-sdk";
import { openFaultProxy } from "@millrace/client-sdk/testing";

import { failureOf, seedChunksOf, seedContent, seedDownload, seedUpload } from "./support/seed-calls.js";
import { openSeedClient, type SeedClient } from "./support/seed-client.js";
import { startServerProcess, type ServerProcess } from "./support/server-process.js";
import { makeTempDir, type TempDir } from "./support/temp-dir.js";

const sha256 = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");

/** Each defect of the seeds' own snippets, as a client of the seed would meet it. */
describe("defects of the seed that must not come back", () => {
  let dir: TempDir;
  let server: ServerProcess;
  let client: SeedClient;
  let sdk: StreamingClient;

  const start = async (port = 0): Promise<void> => {
    server = await startServerProcess({ dataDir: dir.path, port });
  };

  beforeAll(async () => {
    dir = await makeTempDir();
    await start();
    client = openSeedClient(server.target);
    sdk = createClient({ target: server.target });
  });

  afterAll(async () => {
    client.close();
    await sdk.close();
    await server[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });

  const listedNames = async (): Promise<string[]> => {
    const names: string[] = [];
    for await (const file of sdk.files.list()) names.push(file.filename);
    return names;
  };

  describe("S1: the client's filename became a path, and the file was written in place", () => {
    it.each(["../x", "a/../../x", "/etc/x", "..\\x", "a\u0000b", "."])("refuses the name %j", async (name) => {
      const failure = await failureOf(seedUpload(client, seedChunksOf(randomBytes(10), name)));
      expect(failure.code).toBe(status.INVALID_ARGUMENT);
      expect(failure.metadata.get("grpc-status-details-bin").toString()).toContain("UNSAFE_FILENAME");
    });

    it("keeps the published file when a later upload of its name dies", async () => {
      const content = randomBytes(100_000);
      const { file_id } = await seedUpload(client, seedChunksOf(content, "s1-kept.bin"));
      const ended = Promise.withResolvers<void>();
      const call = client.uploadFile(() => ended.resolve());
      const [first] = seedChunksOf(randomBytes(200_000), "s1-kept.bin");
      call.write(first!);
      call.cancel();
      await ended.promise;
      expect((await seedContent(client, file_id)).equals(content)).toBe(true);
    });

    it("does not interleave two uploads of one name", async () => {
      const contents = [randomBytes(300_000), randomBytes(300_000)];
      const responses = await Promise.all(
        contents.map((content) => seedUpload(client, seedChunksOf(content, "s1-twice.bin", 1_000))),
      );
      for (const [index, response] of responses.entries()) {
        expect(response.checksum).toBe(sha256(contents[index]!));
      }
      for (const [index, { file_id }] of responses.entries()) {
        expect((await seedContent(client, file_id)).equals(contents[index]!)).toBe(true);
      }
    });
  });

  describe("S2: the returned file_id could not be downloaded", () => {
    it("gives back the bytes of an upload by its file_id", async () => {
      const content = randomBytes(200_000);
      const { file_id } = await seedUpload(client, seedChunksOf(content, "s2.bin"));
      expect((await seedContent(client, file_id)).equals(content)).toBe(true);
    });
  });

  describe("S3: hash in order of arrival, overlaps counted twice, holes filled with zeros, total_size unchecked", () => {
    it("counts overlapping bytes once", async () => {
      const content = randomBytes(1_000);
      const [whole] = seedChunksOf(content, "s3-overlap.bin");
      const overlapping = [
        { ...whole!, content: content.subarray(0, 600) },
        { ...whole!, content: content.subarray(400), offset: 400 },
      ];
      const response = await seedUpload(client, overlapping);
      expect(response.size).toBe(1_000);
      expect(response.checksum).toBe(sha256(content));
    });

    it("refuses a hole", async () => {
      const [first, , third] = seedChunksOf(randomBytes(3_000), "s3-hole.bin", 1_000);
      const failure = await failureOf(seedUpload(client, [first!, third!]));
      expect(failure.code).toBe(status.OUT_OF_RANGE);
      expect(failure.metadata.get("grpc-status-details-bin").toString()).toContain("UPLOAD_OFFSET_MISMATCH");
    });

    it("refuses fewer bytes than total_size", async () => {
      const [first] = seedChunksOf(randomBytes(3_000), "s3-short.bin", 1_000);
      const failure = await failureOf(seedUpload(client, [first!]));
      expect(failure.code).toBe(status.OUT_OF_RANGE);
      expect(failure.metadata.get("grpc-status-details-bin").toString()).toContain("UPLOAD_SIZE_MISMATCH");
      expect(await listedNames()).not.toContain("s3-short.bin");
    });

    it("refuses more bytes than total_size", async () => {
      const chunks = seedChunksOf(randomBytes(3_000), "s3-long.bin", 1_000).map((chunk) => ({
        ...chunk,
        total_size: 2_000,
      }));
      const failure = await failureOf(seedUpload(client, chunks));
      expect(failure.code).toBe(status.OUT_OF_RANGE);
    });
  });

  describe("S4: the answer came before the bytes were safe, and an empty file had no checksum", () => {
    it("still has an acknowledged file after SIGKILL", async () => {
      const content = randomBytes(500_000);
      const { file_id } = await seedUpload(client, seedChunksOf(content, "s4.bin"));
      await server.kill();
      await start(server.port);
      await new Promise<void>((resolve, reject) => {
        client.waitForReady(Date.now() + 10_000, (error) => (error === undefined ? resolve() : reject(error)));
      });
      expect((await seedContent(client, file_id)).equals(content)).toBe(true);
    });

    it("stores an empty file for a client that sends nothing", async () => {
      const response = await seedUpload(client, []);
      expect(response).toMatchObject({ size: 0, checksum: sha256(Buffer.alloc(0)) });
      const chunks = await seedDownload(client, { file_id: response.file_id });
      expect(chunks).toHaveLength(1);
      expect(chunks[0]).toMatchObject({ offset: 0, total_size: 0 });
      expect(chunks[0]?.content).toHaveLength(0);
    });
  });

  describe("S5: start_offset was ignored, and reading went on after a cancel", () => {
    it("begins at start_offset and labels each chunk with its offset", async () => {
      const content = randomBytes(200_000);
      const { file_id } = await seedUpload(client, seedChunksOf(content, "s5.bin"));
      const chunks = await seedDownload(client, { file_id, start_offset: 70_001 });
      expect(Buffer.concat(chunks.map((chunk) => chunk.content)).equals(content.subarray(70_001))).toBe(true);
      let offset = 70_001;
      for (const chunk of chunks) {
        expect(chunk).toMatchObject({ offset, total_size: 200_000 });
        offset += chunk.content.byteLength;
      }
    });

    it("stops when the client cancels in the middle, and serves the next download", async () => {
      const content = randomBytes(4_000_000);
      const { file_id } = await seedUpload(client, seedChunksOf(content, "s5-cancel.bin"));
      const call = client.downloadFile({ file_id });
      await once(call, "data");
      call.cancel();
      const [error] = (await once(call, "error")) as [{ code: number }];
      expect(error.code).toBe(status.CANCELLED);
      expect((await seedContent(client, file_id)).equals(content)).toBe(true);
    });
  });

  describe("S6: impossible offsets were served, and a replaced file mixed with the old one", () => {
    it.each([
      { start_offset: -1, code: status.INVALID_ARGUMENT },
      { start_offset: 1_001, code: status.OUT_OF_RANGE },
    ])("answers start_offset $start_offset with code $code", async ({ start_offset, code }) => {
      const { file_id } = await seedUpload(client, seedChunksOf(randomBytes(1_000), "s6.bin"));
      const failure = await failureOf(seedDownload(client, { file_id, start_offset }));
      expect(failure.code).toBe(code);
    });

    it("never mixes two contents of one name in a resumed download", async () => {
      const before = randomBytes(200_000);
      const { file_id } = await seedUpload(client, seedChunksOf(before, "s6-replaced.bin"));
      const [first] = await seedDownload(client, { file_id });
      await seedUpload(client, seedChunksOf(randomBytes(200_000), "s6-replaced.bin"));
      const start_offset = first!.content.byteLength;
      const rest = Buffer.concat((await seedDownload(client, { file_id, start_offset })).map(({ content }) => content));
      expect(Buffer.concat([first!.content, rest]).equals(before)).toBe(true);
    });
  });

  describe("S7: the client wrote over its target, checked nothing and began anew after a cut", () => {
    const upload = async (content: Uint8Array): Promise<string> =>
      (await sdk.files.upload(content, { filename: "s7.bin" })).fileId;

    it("resumes a download across cuts and gives the same bytes", async () => {
      const content = randomBytes(8_000_000);
      const fileId = await upload(content);
      await using proxy = await openFaultProxy(server.port);
      await using far = createClient({ target: proxy.target });
      proxy.cutAfterBytes(1_000_000);
      const pieces: Uint8Array[] = [];
      let received = 0;
      for await (const chunk of far.files.download(fileId)) {
        expect(chunk.offset).toBe(received);
        received += chunk.content.byteLength;
        pieces.push(Uint8Array.from(chunk.content));
        if (received > 4_000_000 && proxy.accepted === 2) proxy.cut();
      }
      expect(Buffer.concat(pieces).equals(content)).toBe(true);
      expect(proxy.accepted).toBeGreaterThanOrEqual(3);
    });

    it("leaves the target and its folder as they were when a download fails", async () => {
      const target = join(dir.path, "s7-target.bin");
      await writeFile(target, "as it was");
      const before = await readdir(dir.path);
      await expect(sdk.files.downloadTo("no-such-file", target)).rejects.toMatchObject({ kind: "not-found" });
      expect(await readFile(target, "utf8")).toBe("as it was");
      expect(await readdir(dir.path)).toEqual(before);
    });

    it("refuses bytes that rotted on the server's disk with DATA_LOSS", async () => {
      const content = randomBytes(1_000_000);
      const fileId = await upload(content);
      await flipByte(join(dir.path, "blobs", sha256(content).slice(0, 2), sha256(content)), 500_000);
      const target = join(dir.path, "s7-rotten.bin");
      await expect(sdk.files.downloadTo(fileId, target)).rejects.toMatchObject({
        kind: "data-loss",
        reason: "CORRUPT_DATA",
      });
      expect(await readdir(dir.path)).not.toContain("s7-rotten.bin");
    });
  });
});

async function flipByte(path: string, position: number): Promise<void> {
  await using file = await open(path, "r+");
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, position);
  await file.write(Buffer.from([byte[0]! ^ 1]), 0, 1, position);
}
