import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { connectClient, type StreamingClient } from "@millrace/client-sdk";
import { DownloadRequest, encodeMessage } from "@millrace/shared-types";

import { framed, framedChunk, openRawCall } from "./support/raw-call.js";
import { failureOf, seedChunksOf, seedDownload, seedUpload } from "./support/seed-calls.js";
import { openSeedClient, type SeedClient } from "./support/seed-client.js";
import { startServerProcess, type ServerProcess } from "./support/server-process.js";
import { makeTempDir, type TempDir } from "./support/temp-dir.js";

const UPLOAD = "/streaming.v1.StreamingService/UploadFile";
const DOWNLOAD = "/streaming.v1.StreamingService/DownloadFile";

/** Each bad input gets its documented code and reason, and the server serves the next caller. */
describe("hostile input", () => {
  let dir: TempDir;
  let server: ServerProcess;
  let client: SeedClient;
  let sdk: StreamingClient;

  beforeAll(async () => {
    dir = await makeTempDir();
    server = await startServerProcess({ dataDir: dir.path });
    client = openSeedClient(server.target, { "grpc.max_send_message_length": -1 });
    sdk = await connectClient({ target: server.target });
  });

  afterAll(async () => {
    client.close();
    await sdk.close();
    await server[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });

  const reasonIn = (failure: Awaited<ReturnType<typeof failureOf>>): string =>
    failure.metadata.get("grpc-status-details-bin").map(String).join();

  const statusOfRaw = async (path: string, ...frames: Uint8Array[]): Promise<number | undefined> => {
    await using call = await openRawCall(server.port, path);
    for (const frame of frames) await call.write(frame);
    call.end();
    return await call.status; // not before: leaving the block cuts the connection
  };

  it.each([
    ["a length that runs past the end", [0x0a, 0x7f, 0x01]],
    ["tag 0", [0x00, 0x00]],
    ["a stray end-group", [0x0c]],
    ["a filename that is not UTF-8", [0x22, 0x02, 0xc3, 0x28]],
    ["an over-long varint", [0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
    ["an int64 above 2^53", [0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
  ])("answers %s with INVALID_ARGUMENT", async (_what, bytes) => {
    expect(await statusOfRaw(UPLOAD, framed(Uint8Array.from(bytes)))).toBe(status.INVALID_ARGUMENT);
  });

  it("names MALFORMED_MESSAGE for an int64 above 2^53", async () => {
    const failure = await failureOf(seedDownload(client, { file_id: "x", start_offset: "1152921504606846976" }));
    expect(failure.code).toBe(status.INVALID_ARGUMENT);
    expect(reasonIn(failure)).toContain("MALFORMED_MESSAGE");
  });

  it("answers a negative offset with INVALID_ARGUMENT INVALID_FIELD", async () => {
    const failure = await failureOf(seedDownload(client, { file_id: "x", start_offset: -1 }));
    expect(failure.code).toBe(status.INVALID_ARGUMENT);
    expect(reasonIn(failure)).toContain("INVALID_FIELD");
  });

  it("answers a negative chunk offset with INVALID_ARGUMENT", async () => {
    const chunk = framedChunk({ filename: "negative", offset: -5, content: Buffer.from("x"), totalSize: 1 });
    expect(await statusOfRaw(UPLOAD, chunk)).toBe(status.INVALID_ARGUMENT);
  });

  it("answers a message of 5 MiB with RESOURCE_EXHAUSTED", async () => {
    const [chunk] = seedChunksOf(Buffer.alloc(5 * 1024 * 1024), "big.bin", 5 * 1024 * 1024);
    const failure = await failureOf(seedUpload(client, [chunk!]));
    expect(failure.code).toBe(status.RESOURCE_EXHAUSTED);
  });

  it("answers a chunk above max_chunk_bytes with INVALID_ARGUMENT LIMIT_EXCEEDED", async () => {
    const [chunk] = seedChunksOf(Buffer.alloc(2 * 1024 * 1024), "big-chunk.bin", 2 * 1024 * 1024);
    const failure = await failureOf(seedUpload(client, [chunk!]));
    expect(failure.code).toBe(status.INVALID_ARGUMENT);
    expect(reasonIn(failure)).toContain("LIMIT_EXCEEDED");
  });

  it("answers the filename ../x with INVALID_ARGUMENT UNSAFE_FILENAME", async () => {
    const failure = await failureOf(seedUpload(client, seedChunksOf(Buffer.from("x"), "../x")));
    expect(failure.code).toBe(status.INVALID_ARGUMENT);
    expect(reasonIn(failure)).toContain("UNSAFE_FILENAME");
  });

  it("answers an unknown file with NOT_FOUND and no path", async () => {
    const failure = await failureOf(seedDownload(client, { file_id: "../../etc/passwd" }));
    expect(failure.code).toBe(status.NOT_FOUND);
    expect(failure.details).not.toContain(dir.path);
  });

  it("answers RPCs that nobody knows with UNIMPLEMENTED", async () => {
    expect(await statusOfRaw("/streaming.v1.StreamingService/SendMail", framed(new Uint8Array()))).toBe(
      status.UNIMPLEMENTED,
    );
  });

  it("answers two requests on one server-streaming call without harm", async () => {
    const request = framed(encodeMessage(DownloadRequest, DownloadRequest.fromPartial({ fileId: "x" })));
    expect(await statusOfRaw(DOWNLOAD, request, request)).not.toBe(status.OK);
  });

  it("still serves after all of this", async () => {
    expect((await sdk.info()).profile).toBe("embedded");
  });
});
