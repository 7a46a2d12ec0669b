import { describe, expect, test } from "@jest/globals";
import { FileChunk, StatusCode } from "@millrace/shared-types";

import { startTestServer } from "../testing/start-test-server.js";
import { chunk, TestService } from "../testing/test-service.js";
import { service } from "./bind-service.js";
import { createServer } from "./create-server.js";
import { grpcJsService } from "./grpc-js-service.js";
import { outcomeOf, TestClient } from "./testing/test-client.js";

/** What ts-proto makes of a service with `outputServices=grpc-js`. */
const GrpcJsTestService = {
  one: {
    path: "/test.v1.TestService/One",
    requestStream: false,
    responseStream: false,
    requestSerialize: (value: FileChunk): Buffer => Buffer.from(FileChunk.encode(value).finish()),
    requestDeserialize: (value: Buffer): FileChunk => FileChunk.decode(value),
    responseSerialize: (value: FileChunk): Buffer => Buffer.from(FileChunk.encode(value).finish()),
    responseDeserialize: (value: Buffer): FileChunk => FileChunk.decode(value),
  },
  both: {
    path: "/test.v1.TestService/Both",
    requestStream: true,
    responseStream: true,
    requestSerialize: (value: FileChunk): Buffer => Buffer.from(FileChunk.encode(value).finish()),
    requestDeserialize: (value: Buffer): FileChunk => FileChunk.decode(value),
    responseSerialize: (value: FileChunk): Buffer => Buffer.from(FileChunk.encode(value).finish()),
    responseDeserialize: (value: Buffer): FileChunk => FileChunk.decode(value),
  },
} as const;

describe("binding", () => {
  test("a service generated for grpc-js runs in the same runtime", async () => {
    const mine = grpcJsService(GrpcJsTestService, {
      one: async (request) => Promise.resolve(chunk(request.offset * 2)),
      async *both(requests) {
        for await (const { offset } of requests) yield chunk(offset + 1);
      },
    });
    expect(mine.name).toBe("test.v1.TestService");
    await using server = await createServer({ port: 0, services: [mine] });
    using client = new TestClient(server.address);
    expect((await client.one(chunk(4))).numbers).toEqual([8]);
    const both = client.both();
    both.end(chunk(1));
    expect((await outcomeOf(both)).numbers).toEqual([2]);
    const malformed = await client.one(chunk(1), { encode: () => Buffer.from([0x0a, 0xff]) });
    expect(malformed).toMatchObject({ code: StatusCode.INVALID_ARGUMENT, details: { reason: "MALFORMED_MESSAGE" } });
  });

  test("handlers may be methods of an object and use this", async () => {
    class Counter {
      #calls = 0;
      async one(): Promise<FileChunk> {
        return Promise.resolve(chunk(++this.#calls));
      }
      async *down(): AsyncGenerator<FileChunk> {
        yield await this.one();
      }
      up(): Promise<FileChunk> {
        return this.one();
      }
      both(): AsyncGenerator<FileChunk> {
        return this.down();
      }
    }
    await using server = await createServer({ port: 0, services: [service(TestService, new Counter())] });
    using client = new TestClient(server.address);
    await client.one(chunk(0));
    expect((await outcomeOf(client.down(chunk(0)))).numbers).toEqual([2]);
  });

  test("an integer that JavaScript cannot hold is MALFORMED_MESSAGE", async () => {
    await using test = await startTestServer({ one: async (request) => Promise.resolve(request) });
    using client = new TestClient(test.address);
    const offsetOf2To60 = Buffer.from([0x10, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]);
    const { code, details } = await client.one(chunk(1), { encode: () => offsetOf2To60 });
    expect({ code, reason: details.reason }).toEqual({
      code: StatusCode.INVALID_ARGUMENT,
      reason: "MALFORMED_MESSAGE",
    });
  });
});
