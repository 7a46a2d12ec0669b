import { describe, expect, test } from "@jest/globals";
import { encodeMessage, FileChunk, StatusCode } from "@millrace/shared-types";

import { latch } from "../testing/latch.js";
import { grpcFrame, RawConnection } from "../testing/raw-connection.js";
import { startTestServer } from "../testing/start-test-server.js";
import { chunk, type TestHandlers } from "../testing/test-service.js";
import { outcomeOf, TestClient } from "./testing/test-client.js";

const UP = "/test.v1.TestService/Up";

/** What a handler that reads to the end came to know. */
interface Reading {
  readonly count: number;
  readonly ended: boolean;
  readonly error?: unknown;
}

function reader(): {
  readonly handlers: TestHandlers;
  readonly first: Promise<void>;
  readonly reading: Promise<Reading>;
} {
  const first = latch();
  const reading = latch<Reading>();
  const handlers: TestHandlers = {
    async up(requests) {
      let count = 0;
      try {
        for await (const _ of requests) {
          count++;
          first.open();
        }
        reading.open({ count, ended: true });
      } catch (error) {
        reading.open({ count, ended: false, error });
        throw error;
      }
      return chunk(count);
    },
  };
  return { handlers, first: first.promise, reading: reading.promise };
}

function framed(n: number): Buffer {
  return grpcFrame(encodeMessage(FileChunk, chunk(n, 10)));
}

describe("the end of the requests", () => {
  test("a half-close ends the loop", async () => {
    const { handlers, reading } = reader();
    await using test = await startTestServer(handlers);
    using raw = await RawConnection.open(test.server.port);
    raw.openCall(1, UP);
    raw.data(1, framed(1), { end: true });
    expect(await reading).toEqual({ count: 1, ended: true });
  });

  test("a reset throws, although grpc-js reports it as a half-close", async () => {
    const { handlers, first, reading } = reader();
    await using test = await startTestServer(handlers);
    using raw = await RawConnection.open(test.server.port);
    raw.openCall(1, UP);
    raw.data(1, framed(1));
    await first;
    raw.reset(1);
    expect(await reading).toMatchObject({ count: 1, ended: false, error: { code: StatusCode.CANCELLED } });
  });

  test("a reset with code NO_ERROR throws too", async () => {
    const { handlers, first, reading } = reader();
    await using test = await startTestServer(handlers);
    using raw = await RawConnection.open(test.server.port);
    raw.openCall(1, UP);
    raw.data(1, framed(1));
    await first;
    raw.reset(1, 0);
    expect(await reading).toMatchObject({ ended: false });
  });

  test("a reset in one burst with the half-close throws: that is how Node's own client cancels", async () => {
    const { handlers, first, reading } = reader();
    await using test = await startTestServer(handlers);
    using raw = await RawConnection.open(test.server.port);
    raw.openCall(1, UP);
    raw.data(1, framed(1));
    await first;
    raw.socket.cork();
    raw.data(1, Buffer.alloc(0), { end: true });
    raw.reset(1);
    raw.socket.uncork();
    expect(await reading).toMatchObject({ ended: false });
  });

  test("a stock client's cancel throws", async () => {
    const { handlers, first, reading } = reader();
    await using test = await startTestServer(handlers);
    using client = new TestClient(test.address);
    const up = client.up();
    up.write(chunk(1));
    await first;
    up.cancel();
    expect(await reading).toMatchObject({ ended: false, error: { code: StatusCode.CANCELLED } });
  });

  test("a cut connection throws", async () => {
    const { handlers, first, reading } = reader();
    await using test = await startTestServer(handlers);
    using raw = await RawConnection.open(test.server.port);
    raw.openCall(1, UP);
    raw.data(1, framed(1));
    await first;
    raw.socket.destroy();
    expect(await reading).toMatchObject({ ended: false, error: { code: StatusCode.CANCELLED } });
  });

  test("a connection closed by FIN in the middle throws", async () => {
    const { handlers, first, reading } = reader();
    await using test = await startTestServer(handlers);
    using raw = await RawConnection.open(test.server.port);
    raw.openCall(1, UP);
    raw.data(1, framed(1));
    await first;
    raw.socket.end();
    expect(await reading).toMatchObject({ ended: false });
  });

  test("a last message that was cut is MALFORMED_MESSAGE, although grpc-js drops it in silence", async () => {
    const { handlers, reading } = reader();
    await using test = await startTestServer(handlers);
    using raw = await RawConnection.open(test.server.port);
    raw.openCall(1, UP);
    raw.data(1, Buffer.concat([framed(1), framed(2).subarray(0, 8)]), { end: true });
    expect(await reading).toMatchObject({ count: 1, ended: false, error: { reason: "MALFORMED_MESSAGE" } });
  });

  test("twenty cancels at random moments never look like an end", async () => {
    for (let round = 0; round < 20; round++) {
      const { handlers, first, reading } = reader();
      await using test = await startTestServer(handlers);
      using client = new TestClient(test.address);
      const up = client.up();
      for (let n = 0; n <= round; n++) up.write(chunk(n, 5_000));
      await first;
      up.cancel();
      expect((await reading).ended).toBe(false);
    }
  });
});

describe("reading requests", () => {
  test("bytes that are no message are MALFORMED_MESSAGE, whatever the kind", async () => {
    const handlers: TestHandlers = {
      one: async (request) => Promise.resolve(request),
      ...reader().handlers,
      async *both(requests) {
        yield* requests;
      },
    };
    await using test = await startTestServer(handlers);
    using client = new TestClient(test.address);
    const encode = (): Buffer => Buffer.from([0x0a, 0xff]);
    const up = client.up({ encode });
    const both = client.both({ encode });
    for (const call of [up, both]) call.end(chunk(1));
    const outcomes = await Promise.all([client.one(chunk(1), { encode }), outcomeOf(up), outcomeOf(both)]);
    for (const { code, details } of outcomes) {
      expect({ code, reason: details.reason }).toEqual({
        code: StatusCode.INVALID_ARGUMENT,
        reason: "MALFORMED_MESSAGE",
      });
    }
  });

  test("a message above the limit is RESOURCE_EXHAUSTED and the handler is told to stop", async () => {
    const { handlers, reading } = reader();
    await using test = await startTestServer(handlers, { limits: { maxMessageBytes: 10_000 } });
    using client = new TestClient(test.address);
    const up = client.up();
    up.write(chunk(1, 20_000));
    expect((await outcomeOf(up)).code).toBe(StatusCode.RESOURCE_EXHAUSTED);
    expect(await reading).toMatchObject({ count: 0, ended: false });
  });

  test("two requests, or none, on an RPC that takes one are UNIMPLEMENTED", async () => {
    await using test = await startTestServer({ one: async (request) => Promise.resolve(request) });
    for (const body of [Buffer.alloc(0), Buffer.concat([framed(1), framed(2)])]) {
      using raw = await RawConnection.open(test.server.port);
      raw.openCall(1, "/test.v1.TestService/One");
      raw.data(1, body, { end: true });
      await raw.callEnded(1);
    }
    const codes = test.log.lines.filter(({ message }) => message === "call ended").map(({ fields }) => fields["code"]);
    expect(codes).toEqual(["UNIMPLEMENTED", "UNIMPLEMENTED"]);
  });

  test("a second loop goes on where the first was left", async () => {
    await using test = await startTestServer({
      async up(requests) {
        const seen: number[] = [];
        for await (const { offset } of requests) {
          seen.push(offset);
          if (offset === 2) break;
        }
        for await (const { offset } of requests) seen.push(offset * 10);
        return chunk(Number(seen.join("")));
      },
    });
    using client = new TestClient(test.address);
    const up = client.up();
    for (const n of [1, 2, 3, 4]) up.write(chunk(n));
    up.end();
    expect((await outcomeOf(up)).numbers).toEqual([123_040]);
  });

  test("an answer before all was read reaches a client that is still sending, and ends its stream", async () => {
    await using test = await startTestServer(
      {
        async up(requests) {
          for await (const { offset } of requests) return chunk(offset);
          return chunk(-1);
        },
      },
      { timeouts: { lingerMs: 100 } },
    );
    using client = new TestClient(test.address);
    const up = client.up();
    const outcome = outcomeOf(up);
    const sendMore = (): void => {
      while (!up.destroyed && up.write(chunk(1, 60_000)));
    };
    up.on("drain", sendMore);
    sendMore();
    expect(await outcome).toMatchObject({ numbers: [1], code: StatusCode.OK });
    await test.server.close();
    expect(test.server.stats()).toMatchObject({ calls: 0, handlers: 0 });
  });

  test("a client that never stops sending after the answer is reset", async () => {
    await using test = await startTestServer(
      { up: async () => Promise.resolve(chunk(7)) },
      { timeouts: { lingerMs: 50 } },
    );
    using raw = await RawConnection.open(test.server.port);
    raw.openCall(1, UP);
    raw.data(1, framed(1));
    await raw.callReset(1);
    await test.idle();
    expect(test.log.lines.map(({ fields }) => fields["code"])).toEqual(["OK"]);
  });

  test("a client that sends nothing while the handler waits is STREAM_IDLE", async () => {
    const { handlers, reading } = reader();
    await using test = await startTestServer(handlers, { timeouts: { idleMs: 50 } });
    using client = new TestClient(test.address);
    const up = client.up();
    up.write(chunk(1));
    const { code, details } = await outcomeOf(up);
    expect(code).toBe(StatusCode.DEADLINE_EXCEEDED);
    expect(details).toMatchObject({ reason: "STREAM_IDLE", metadata: { idle_timeout_ms: "50" } });
    expect(await reading).toMatchObject({ count: 1, ended: false });
  });

  test("a handler that takes its time is not the client's idleness", async () => {
    await using test = await startTestServer(
      {
        async up(requests) {
          let count = 0;
          for await (const _ of requests) {
            if (count++ === 0) await new Promise((resolve) => setTimeout(resolve, 150));
          }
          return chunk(count);
        },
      },
      { timeouts: { idleMs: 50 } },
    );
    using client = new TestClient(test.address);
    const up = client.up();
    up.write(chunk(1));
    up.write(chunk(2));
    up.end();
    expect(await outcomeOf(up)).toMatchObject({ numbers: [2], code: StatusCode.OK });
  });

  test("a silent bidirectional stream is left alone, unless its method says otherwise", async () => {
    const handlers: TestHandlers = {
      async *both(requests) {
        for await (const request of requests) yield request;
      },
    };
    await using test = await startTestServer(handlers, {
      timeouts: { idleMs: 50 },
      methodTimeouts: { "/test.v1.TestService/Both": { idleMs: 60 } },
    });
    using client = new TestClient(test.address);
    const { details } = await outcomeOf(client.both());
    expect(details).toMatchObject({ reason: "STREAM_IDLE", metadata: { idle_timeout_ms: "60" } });
  });
});
