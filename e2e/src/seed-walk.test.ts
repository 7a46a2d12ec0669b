import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";

import * as grpc from "@grpc/grpc-js";
import * as protoLoader from "@grpc/proto-loader";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createClient, type StreamingClient } from "@millrace/client-sdk";

import { failureOf } from "./support/seed-calls.js";
import { type ServerProcess, startServerProcess } from "./support/server-process.js";
import { makeTempDir, type TempDir } from "./support/temp-dir.js";

const PROTOS = { seed: "../../tests/seed", ours: "../../proto" } as const;
const SERVICES = { StreamingService: "streaming_service.proto", StreamService: "stream_service.proto" } as const;

type Service = keyof typeof SERVICES;

type Message = Readonly<Record<string, unknown>>;

/** A dynamic client: of each kind of call the one form that the walk needs. */
interface WalkClient extends grpc.Client {
  readonly [rpc: string]: unknown;
}

function load(service: Service, from: keyof typeof PROTOS): protoLoader.PackageDefinition {
  return protoLoader.loadSync(`streaming/v1/${from === "seed" ? "seed_" : ""}${SERVICES[service]}`, {
    includeDirs: [fileURLToPath(new URL(PROTOS[from], import.meta.url))],
    keepCase: true,
    longs: Number,
    defaults: from === "seed",
  });
}

/**
 * A client with the fields of a proto and nothing else, names as in the proto. With the seed's, what is not set is as the
 * seed's snippets expect it; with ours, it is not there.
 */
function openClient(service: Service, target: string, from: keyof typeof PROTOS = "seed"): WalkClient {
  const { streaming } = grpc.loadPackageDefinition(load(service, from)) as unknown as {
    streaming: { v1: Record<string, new (...args: unknown[]) => WalkClient> };
  };
  const Client = streaming.v1[service];
  if (Client === undefined) throw new Error(`no ${service}`);
  return new Client(target, grpc.credentials.createInsecure());
}

function rpcsOf(service: Service): readonly string[] {
  return Object.keys(load(service, "seed")[`streaming.v1.${service}`] ?? {}).map((rpc) => `${service}.${rpc}`);
}

/** Has a deadline, so that a call that hangs fails. */
const inTime = (): grpc.CallOptions => ({ deadline: Date.now() + 20_000 });

function unary(client: WalkClient, rpc: string, request: Message): Promise<Message> {
  return new Promise((resolve, reject) => {
    const call = client[rpc] as (...args: unknown[]) => void;
    call.call(client, request, inTime(), (error: grpc.ServiceError | null, response: Message) =>
      error ? reject(error) : resolve(response),
    );
  });
}

async function allOf(messages: AsyncIterable<Message>): Promise<Message[]> {
  const all: Message[] = [];
  for await (const message of messages) all.push(message);
  return all;
}

async function downstream(client: WalkClient, rpc: string, request: Message): Promise<Message[]> {
  const call = client[rpc] as (...args: unknown[]) => AsyncIterable<Message>;
  return allOf(call.call(client, request, inTime()));
}

function upstream(client: WalkClient, rpc: string, requests: readonly Message[]): Promise<Message> {
  return new Promise((resolve, reject) => {
    const open = client[rpc] as (...args: unknown[]) => grpc.ClientWritableStream<Message>;
    const call = open.call(client, inTime(), (error: grpc.ServiceError | null, response: Message) =>
      error ? reject(error) : resolve(response),
    );
    for (const request of requests) call.write(request);
    call.end();
  });
}

function duplex(client: WalkClient, rpc: string): grpc.ClientDuplexStream<Message, Message> {
  const open = client[rpc] as (...args: unknown[]) => grpc.ClientDuplexStream<Message, Message>;
  return open.call(client, inTime());
}

/** Sends all and half-closes; what came until the end. */
async function exchange(client: WalkClient, rpc: string, requests: readonly Message[]): Promise<Message[]> {
  const call = duplex(client, rpc);
  for (const request of requests) call.write(request);
  call.end();
  return allOf(call as AsyncIterable<Message>);
}

/** What a time in a message must be: now. */
const NOW = {
  asymmetricMatch: (value: unknown) =>
    Math.abs(Number((value as { seconds?: unknown } | null)?.seconds) - Date.now() / 1000) < 60,
};

describe("every RPC of the seed, with a client that has the seed's own proto", () => {
  let dir: TempDir;
  let server: ServerProcess;
  let sdk: StreamingClient;
  let streaming: WalkClient;
  let stream: WalkClient;

  const walk: Readonly<Record<string, () => Promise<void>>> = {
    async "StreamingService.UploadFile"() {
      const [first, second] = [Buffer.from("hello "), Buffer.from("world")];
      const response = await upstream(streaming, "uploadFile", [
        { content: first, offset: 0, total_size: 11, filename: "walk.txt" },
        { content: second, offset: 6, total_size: 11, filename: "walk.txt" },
      ]);
      expect(response).toEqual({
        file_id: expect.stringMatching(/./),
        size: 11,
        checksum: createHash("sha256").update("hello world").digest("hex"),
      });
    },
    async "StreamingService.DownloadFile"() {
      const content = Buffer.from("0123456789");
      const { file_id } = await upstream(streaming, "uploadFile", [
        { content, offset: 0, total_size: 10, filename: "digits" },
      ]);
      expect(await downstream(streaming, "downloadFile", { file_id })).toEqual([
        { content, offset: 0, total_size: 10, filename: "digits" },
      ]);
      expect(await downstream(streaming, "downloadFile", { file_id, start_offset: 4 })).toEqual([
        { content: Buffer.from("456789"), offset: 4, total_size: 10, filename: "digits" },
      ]);
    },
    async "StreamingService.WatchEvents"() {
      const open = streaming["watchEvents"] as (...args: unknown[]) => grpc.ClientReadableStream<Message>;
      const request = { event_types: ["walk.*"], filter: 'event.type != "walk.skipped"' };
      const call = open.call(streaming, request, inTime());
      await new Promise((resolve) => call.once("metadata", resolve));
      const { id } = await sdk.events.publish({ type: "walk.done", payload: Buffer.from([0, 255]) });
      await sdk.events.publish({ type: "walk.skipped" });
      await sdk.events.publish({ type: "other" });
      const { id: lastId } = await sdk.events.publish({ type: "walk.last" });
      const heard: Message[] = [];
      for await (const event of call as AsyncIterable<Message>) if (heard.push(event) === 2) break;
      expect(heard).toEqual([
        { id, type: "walk.done", payload: Buffer.from([0, 255]), timestamp: NOW },
        { id: lastId, type: "walk.last", payload: Buffer.alloc(0), timestamp: NOW },
      ]);
    },
    async "StreamingService.GetData"() {
      // The seed's request has no fields: it names no item.
      expect(await failureOf(unary(streaming, "getData", {}))).toMatchObject({ code: grpc.status.INVALID_ARGUMENT });
    },
    async "StreamingService.ListLargeDataset"() {
      await sdk.data.put({ key: "a", data: Buffer.from("1") });
      await sdk.data.put({ key: "b", data: Buffer.from("2") });
      expect(await downstream(streaming, "listLargeDataset", {})).toEqual([{}, {}]);
    },
    async "StreamingService.Chat"() {
      const call = duplex(streaming, "chat");
      const said = { user_id: "mallory", room_id: "walk", content: "hello", timestamp: { seconds: 1, nanos: 0 } };
      call.write(said);
      const heard = (await call[Symbol.asyncIterator]().next()).value as Message;
      // Who said it and when is for the server to say.
      expect(heard).toEqual({
        user_id: expect.stringMatching(/^anon-/),
        room_id: "walk",
        content: "hello",
        timestamp: NOW,
      });
    },
    async "StreamingService.CollectMetrics"() {
      const summary = await upstream(streaming, "collectMetrics", [
        {
          name: "requests",
          value: 1.5,
          labels: { path: "/a" },
          timestamp: { seconds: Math.floor(Date.now() / 1000), nanos: 0 },
        },
        { name: "requests", value: 2, labels: { path: "/b" } },
        { name: "bytes", value: 1024 },
      ]);
      expect(summary).toEqual({ total_count: 3, aggregates: { requests: 3.5, bytes: 1024 } });
    },
    async "StreamingService.BatchProcess"() {
      // The seed's item has no fields: it names no operation.
      const failure = await failureOf(upstream(streaming, "batchProcess", [{}]));
      expect(failure).toMatchObject({ code: grpc.status.INVALID_ARGUMENT });
    },
    async "StreamingService.SyncData"() {
      // The seed's request has no fields: it is no hello.
      const failure = await failureOf(exchange(streaming, "syncData", [{}]));
      expect(failure).toMatchObject({ code: grpc.status.INVALID_ARGUMENT });
    },
    async "StreamingService.InteractiveQuery"() {
      // The seed's request has no fields in its proto: it is no query, and the answer says so in the stream.
      expect(await exchange(streaming, "interactiveQuery", [{}])).toEqual([{}]);
      // Its snippets know four fields.
      await sdk.data.put({ key: "q", data: Buffer.from("3") });
      const ours = openClient("StreamingService", server.target, "ours");
      const heard = await exchange(ours, "interactiveQuery", [
        { query: "SELECT key, size FROM items WHERE dataset = 'default' AND key = 'q'" },
        { query: "SELECT 1 FROM nowhere" },
        { query: "SELECT 1 AS one" },
      ]);
      ours.close();
      expect(heard).toEqual([
        { data: '{"key":"q","size":1}' },
        { complete: true },
        { error: expect.stringContaining("nowhere"), status: expect.anything(), complete: true },
        { data: '{"one":1}' },
        { complete: true },
      ]);
    },
    async "StreamService.UploadItems"() {
      expect(await upstream(stream, "uploadItems", [{}, {}, {}])).toEqual({ file_id: "", size: 0, checksum: "" });
    },
    async "StreamService.ListItems"() {
      await upstream(stream, "uploadItems", [{}]);
      const items = await downstream(stream, "listItems", {});
      expect(items.length).toBeGreaterThan(0);
      expect(items.every((item) => Object.keys(item).length === 0)).toBe(true);
    },
    async "StreamService.Chat"() {
      const heard = await exchange(stream, "chat", [{ room_id: "walk-2", content: "both services" }]);
      expect(heard).toMatchObject([{ room_id: "walk-2", content: "both services", timestamp: NOW }]);
    },
  };

  beforeAll(async () => {
    dir = await makeTempDir();
    server = await startServerProcess({ dataDir: dir.path, port: 0 });
    sdk = createClient({ target: server.target });
    streaming = openClient("StreamingService", server.target);
    stream = openClient("StreamService", server.target);
  });

  afterAll(async () => {
    streaming.close();
    stream.close();
    await sdk.close();
    await server[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });

  it.each(Object.entries(walk))("%s", async (_, go) => {
    await expect(go()).resolves.toBeUndefined();
  });

  it("was called", () => {
    expect(Object.keys(walk).sort()).toEqual([...rpcsOf("StreamingService"), ...rpcsOf("StreamService")].sort());
  });
});
