import { once } from "node:events";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";

import {
  type Client,
  credentials,
  makeClientConstructor,
  Server as GrpcServer,
  ServerCredentials,
} from "@grpc/grpc-js";
import type { ClientReadableStream, ClientWritableStream, sendUnaryData, ServerWritableStream } from "@grpc/grpc-js";
import type { ServerReadableStream } from "@grpc/grpc-js";
import { createClient as createMillraceClient } from "@millrace/client-sdk";
import { createServer as createMillraceServer, partialService } from "@millrace/server";
import { DownloadRequest, FileChunk, StreamingServiceDefinition, UploadResponse } from "@millrace/shared-types";
import { createChannel, createClient as createNiceClient, createServer as createNiceServer } from "nice-grpc";

/** What is moved, and in what pieces. */
export interface Load {
  readonly totalBytes: number;
  readonly chunkBytes: number;
}

/** Moves bytes and returns how many arrived. */
export interface TransferClient {
  download(load: Load): Promise<number>;
  upload(load: Load): Promise<number>;
}

/** One way to move bytes between two processes. */
export interface TransferContender {
  /** Starts the side that serves; returns its port. */
  serve(): Promise<number>;
  connect(port: number): TransferClient;
}

const MIB = 1024 * 1024;
const { downloadFile, uploadFile } = StreamingServiceDefinition.methods;
const DOWNLOAD = "/streaming.v1.StreamingService/DownloadFile";
const UPLOAD = "/streaming.v1.StreamingService/UploadFile";

/** The chunks of `load`, all the same bytes: only moving them is measured. */
function* chunksOf({ totalBytes, chunkBytes }: Load): Generator<FileChunk> {
  const content = Buffer.alloc(chunkBytes, 7);
  for (let offset = 0; offset < totalBytes; offset += chunkBytes) {
    yield FileChunk.fromPartial({ content, offset, totalSize: totalBytes, filename: "bench" });
  }
}

function loadOf({ readLimit, chunkSize }: DownloadRequest): Load {
  return { totalBytes: readLimit, chunkBytes: chunkSize };
}

function requestOf({ totalBytes, chunkBytes }: Load): DownloadRequest {
  return DownloadRequest.fromPartial({ fileId: "bench", readLimit: totalBytes, chunkSize: chunkBytes });
}

async function counted(chunks: AsyncIterable<FileChunk>): Promise<number> {
  let bytes = 0;
  for await (const { content } of chunks) bytes += content.byteLength;
  return bytes;
}

const received = (size: number): UploadResponse => UploadResponse.fromPartial({ size });

/** Handlers as async generators, which both this project and nice-grpc take. */
const handlers = {
  async *downloadFile(request: DownloadRequest): AsyncGenerator<FileChunk> {
    yield* chunksOf(loadOf(request));
  },
  uploadFile: async (chunks: AsyncIterable<FileChunk>): Promise<UploadResponse> => received(await counted(chunks)),
};

const ours: TransferContender = {
  async serve() {
    const server = await createMillraceServer({
      port: 0,
      services: [partialService(StreamingServiceDefinition, handlers)],
    });
    return server.port;
  },
  connect(port) {
    const { streamingService } = createMillraceClient({ target: `127.0.0.1:${String(port)}` }).raw;
    return {
      download: (load) => counted(streamingService.downloadFile(requestOf(load))),
      upload: async (load) => (await streamingService.uploadFile(chunksOf(load))).size,
    };
  },
};

/** nice-grpc leaves RPCs without handlers to the compiler; these two are all that is called. */
const niceDefinition = { ...StreamingServiceDefinition, methods: { downloadFile, uploadFile } } as const;

function nice(channelOptions: Record<string, number>): TransferContender {
  return {
    async serve() {
      const server = createNiceServer();
      server.add(niceDefinition, handlers);
      return server.listen("127.0.0.1:0");
    },
    connect(port) {
      const channel = createChannel(`127.0.0.1:${String(port)}`, undefined, channelOptions);
      const client = createNiceClient(niceDefinition, channel);
      return {
        download: (load) => counted(client.downloadFile(requestOf(load))),
        upload: async (load) => (await client.uploadFile(asAsync(chunksOf(load)))).size,
      };
    },
  };
}

async function* asAsync<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

const stock = {
  chunkToBytes: (message: FileChunk): Buffer => Buffer.from(FileChunk.encode(message).finish()),
  chunkFromBytes: (bytes: Buffer): FileChunk => FileChunk.decode(bytes),
};

const grpcJsDefinition = {
  downloadFile: {
    path: DOWNLOAD,
    requestStream: false,
    responseStream: true,
    requestSerialize: (message: DownloadRequest) => Buffer.from(DownloadRequest.encode(message).finish()),
    requestDeserialize: (bytes: Buffer) => DownloadRequest.decode(bytes),
    responseSerialize: stock.chunkToBytes,
    responseDeserialize: stock.chunkFromBytes,
  },
  uploadFile: {
    path: UPLOAD,
    requestStream: true,
    responseStream: false,
    requestSerialize: stock.chunkToBytes,
    requestDeserialize: stock.chunkFromBytes,
    responseSerialize: (message: UploadResponse) => Buffer.from(UploadResponse.encode(message).finish()),
    responseDeserialize: (bytes: Buffer) => UploadResponse.decode(bytes),
  },
} as const;

type Sink = Pick<ServerWritableStream<DownloadRequest, FileChunk>, "write" | "end" | "once">;

/** Writes as the seed's snippet does (`heeding` false), or waits for `drain`. */
async function writeAll(chunks: Iterable<FileChunk>, sink: Sink, heeding: boolean): Promise<void> {
  for (const chunk of chunks) if (!sink.write(chunk) && heeding) await once(sink as never, "drain");
  sink.end();
}

type GrpcJsClient = Client & {
  downloadFile(request: DownloadRequest): ClientReadableStream<FileChunk>;
  uploadFile(callback: (error: Error | null, response?: UploadResponse) => void): ClientWritableStream<FileChunk>;
};

function grpcJs(heeding: boolean): TransferContender {
  return {
    async serve() {
      const server = new GrpcServer();
      server.addService(grpcJsDefinition, {
        downloadFile: (call: ServerWritableStream<DownloadRequest, FileChunk>) =>
          void writeAll(chunksOf(loadOf(call.request)), call, heeding),
        uploadFile: (
          call: ServerReadableStream<FileChunk, UploadResponse>,
          callback: sendUnaryData<UploadResponse>,
        ) => {
          let bytes = 0;
          call.on("data", ({ content }: FileChunk) => (bytes += content.byteLength));
          call.on("end", () => callback(null, received(bytes)));
        },
      });
      return new Promise((resolve, reject) =>
        server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
          error ? reject(error) : resolve(port),
        ),
      );
    },
    connect(port) {
      const Constructor = makeClientConstructor(grpcJsDefinition, "StreamingService");
      const client = new Constructor(
        `127.0.0.1:${String(port)}`,
        credentials.createInsecure(),
      ) as unknown as GrpcJsClient;
      return {
        download: (load) =>
          new Promise((resolve, reject) => {
            let bytes = 0;
            const call = client.downloadFile(requestOf(load));
            call.on("data", ({ content }: FileChunk) => (bytes += content.byteLength));
            call.on("end", () => resolve(bytes));
            call.on("error", reject);
          }),
        upload: (load) =>
          new Promise((resolve, reject) => {
            const call = client.uploadFile((error, response) => (error ? reject(error) : resolve(response?.size ?? 0)));
            void writeAll(chunksOf(load), call as never, heeding);
          }),
      };
    },
  };
}

/**
 * Frames written by hand on node:http2, without deadlines, cancellation, limits or statuses: what the
 * platform allows, not a contender.
 */
const floor: TransferContender = {
  async serve() {
    const server = http2.createServer({ settings: { initialWindowSize: 8 * MIB } });
    server.on("session", (session) => session.setLocalWindowSize(8 * MIB));
    server.on("stream", (stream, headers) => void serveFloor(stream, headers));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  },
  connect(port) {
    const session = http2.connect(`http://127.0.0.1:${String(port)}`, { settings: { initialWindowSize: 8 * MIB } });
    session.once("connect", () => session.setLocalWindowSize(8 * MIB));
    const headersOf = (path: string, { totalBytes, chunkBytes }: Load): http2.OutgoingHttpHeaders => ({
      ":method": "POST",
      ":path": path,
      "x-total": String(totalBytes),
      "x-chunk": String(chunkBytes),
    });
    return {
      download: (load) => bytesOf(session.request(headersOf(DOWNLOAD, load), { endStream: true }), load),
      async upload(load) {
        const stream = session.request(headersOf(UPLOAD, load));
        const answer = textOf(stream);
        await writeFrames(stream, load);
        return Number(await answer);
      },
    };
  },
};

async function serveFloor(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): Promise<void> {
  const load = { totalBytes: Number(headers["x-total"]), chunkBytes: Number(headers["x-chunk"]) };
  stream.respond({ ":status": 200 });
  if (headers[":path"] === DOWNLOAD) return writeFrames(stream, load);
  stream.end(String(await bytesOf(stream, load)));
}

const FRAME_OVERHEAD = 32;

async function writeFrames(stream: http2.Http2Stream, { totalBytes, chunkBytes }: Load): Promise<void> {
  const content = Buffer.alloc(chunkBytes, 7);
  for (let offset = 0; offset < totalBytes; offset += chunkBytes) {
    const frame = Buffer.allocUnsafe(FRAME_OVERHEAD + chunkBytes);
    frame.writeUInt32BE(chunkBytes, 1);
    content.copy(frame, FRAME_OVERHEAD);
    if (!stream.write(frame)) await once(stream, "drain");
  }
  stream.end();
}

async function bytesOf(stream: http2.Http2Stream, { totalBytes, chunkBytes }: Load): Promise<number> {
  let bytes = 0;
  for await (const data of stream as AsyncIterable<Buffer>) bytes += data.byteLength;
  return bytes - (totalBytes / chunkBytes) * FRAME_OVERHEAD;
}

async function textOf(stream: http2.Http2Stream): Promise<string> {
  let text = "";
  for await (const data of stream as AsyncIterable<Buffer>) text += data.toString();
  return text;
}

/** By name; the first is ours. */
export const TRANSFER_CONTENDERS: Readonly<Record<string, TransferContender>> = {
  ours,
  "nice-grpc": nice({}),
  "nice-grpc, same client window": nice({ "grpc-node.flow_control_window": MIB }),
  "grpc-js + ts-proto": grpcJs(true),
  "the seed's way": grpcJs(false),
  floor,
};
