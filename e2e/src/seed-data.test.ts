import { fileURLToPath } from "node:url";

import * as grpc from "@grpc/grpc-js";
import * as protoLoader from "@grpc/proto-loader";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { failureOf } from "./support/seed-calls.js";
import { type ServerProcess, startServerProcess } from "./support/server-process.js";
import { makeTempDir, type TempDir } from "./support/temp-dir.js";

const PROTOS = { seed: "../../tests/seed", ours: "../../proto" } as const;

interface Uploaded {
  readonly item_count: number;
  readonly duplicate_count?: number;
}

type Answer<T> = (error: grpc.ServiceError | null, response?: T) => void;

/** The RPCs of both of the seed's services that are about items, made from a proto file as the seed's snippets do. */
interface ItemsClient extends grpc.Client {
  getData(request: object, callback: Answer<object>): void;
  listLargeDataset(request: object): grpc.ClientReadableStream<{ readonly id?: string }>;
  listItems(request: object): grpc.ClientReadableStream<{ readonly id?: string }>;
  uploadItems(callback: Answer<Uploaded>): grpc.ClientWritableStream<object>;
}

function openClient(service: string, file: string, from: keyof typeof PROTOS, target: string): ItemsClient {
  const includeDirs = [fileURLToPath(new URL(PROTOS[from], import.meta.url))];
  const definition = protoLoader.loadSync(`streaming/v1/${file}`, { includeDirs, keepCase: true, longs: String });
  const { streaming } = grpc.loadPackageDefinition(definition) as unknown as {
    streaming: { v1: Record<string, new (...args: unknown[]) => ItemsClient> };
  };
  const Client = streaming.v1[service];
  if (Client === undefined) throw new Error(`no ${service}`);
  return new Client(target, grpc.credentials.createInsecure());
}

function upload(client: ItemsClient, items: readonly object[]): Promise<Uploaded> {
  return new Promise((resolve, reject) => {
    const call = client.uploadItems((error, response) => (error ? reject(error) : resolve(response as Uploaded)));
    for (const item of items) call.write(item);
    call.end();
  });
}

async function count(call: AsyncIterable<unknown>): Promise<number> {
  let messages = 0;
  for await (const _ of call) messages += 1;
  return messages;
}

describe("a client of the seeds", () => {
  let dir: TempDir;
  let server: ServerProcess;
  const clients: ItemsClient[] = [];

  const open = (...args: [service: string, file: string, from: keyof typeof PROTOS]): ItemsClient => {
    const client = openClient(...args, server.target);
    clients.push(client);
    return client;
  };

  beforeAll(async () => {
    dir = await makeTempDir();
    server = await startServerProcess({ dataDir: dir.path, port: 0 });
  });

  afterAll(async () => {
    for (const client of clients) client.close();
    await server[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  });

  it("that knows no fields uploads items and lists as many, page after page", async () => {
    const client = open("StreamService", "seed_stream_service.proto", "seed");
    const items = Array.from({ length: 1234 }, () => ({}));
    await upload(client, items);
    expect(await count(client.listItems({}))).toBe(1234);
  });

  it("that knows no fields lists the default dataset, and is told that it asks for no item", async () => {
    const client = open("StreamingService", "seed_streaming_service.proto", "seed");
    expect(await count(client.listLargeDataset({}))).toBe(0);
    const failure = await failureOf(
      new Promise((resolve, reject) =>
        client.getData({}, (error, response) => (error ? reject(error) : resolve(response))),
      ),
    );
    expect(failure.code).toBe(grpc.status.INVALID_ARGUMENT);
  });

  it("that knows the fields of items finds them again after a restart, and repeats an upload without harm", async () => {
    const client = open("StreamService", "stream_service.proto", "ours");
    const items = Array.from({ length: 700 }, (_, n) => ({
      id: `k${String(n)}`,
      data: Buffer.from(`value ${String(n)}`),
    }));
    expect(await upload(client, items)).toMatchObject({ item_count: 700 });
    await server[Symbol.asyncDispose]();
    server = await startServerProcess({ dataDir: dir.path, port: 0 });
    const again = open("StreamService", "stream_service.proto", "ours");
    expect(await upload(again, items)).toMatchObject({ duplicate_count: 700 });
    const reader = open("StreamingService", "streaming_service.proto", "ours");
    const found = await new Promise((resolve, reject) => {
      const request = { dataset: "items", key: "k699" };
      reader.getData(request, (error, response) => (error ? reject(error) : resolve(response)));
    });
    expect(found).toMatchObject({ item: { key: "k699", data: Buffer.from("value 699") } });
    expect(await count(reader.listLargeDataset({ dataset: "items" }))).toBe(1234 + 700);
  });
});
