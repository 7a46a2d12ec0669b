import { status as Code } from "@grpc/grpc-js";
import { describe, expect, it } from "@jest/globals";

import { latch } from "../testing/latch.js";
import {
  connectTo,
  duration,
  errorOf,
  type Handlers,
  NumberService,
  roundTrips,
  startTinyServer,
} from "./tiny-server.test.support.js";

const { sum } = NumberService.methods;

type SumHandler = NonNullable<Handlers["sum"]>;

/** Answers at the end of the requests. */
const sumUp: SumHandler = (call, callback) => {
  let total = 0;
  call.on("data", ({ seconds }: { seconds: number }) => (total += seconds));
  call.on("end", () => callback(null, duration(total)));
};

/** A source that says when it was closed. */
function endlessSource() {
  const closed = latch();
  let pulled = 0;
  async function* numbers() {
    try {
      for (;;) {
        pulled++;
        yield duration(1);
      }
    } finally {
      closed.open();
    }
  }
  return {
    closed: closed.promise,
    requests: numbers(),
    get pulled() {
      return pulled;
    },
  };
}

/** A source that never gives anything, and says when it was closed. */
function silentSource() {
  const closed = latch();
  const asked = latch();
  const iterator = {
    next() {
      asked.open();
      return new Promise<never>(() => undefined);
    },
    return() {
      closed.open();
      return Promise.resolve({ done: true as const, value: undefined });
    },
  };
  return { asked: asked.promise, closed: closed.promise, requests: { [Symbol.asyncIterator]: () => iterator } };
}

describe("a client stream", () => {
  it.each([0, 1, 500])("sends %d messages and gives the response", async (count) => {
    await using server = await startTinyServer({ sum: sumUp });
    await using client = connectTo(server.target);
    const requests = Array.from({ length: count }, () => ({ seconds: 2 }));
    expect((await client.rpc.clientStream(NumberService, sum, requests)).seconds).toBe(2 * count);
    async function* later() {
      yield* requests;
    }
    expect((await client.rpc.clientStream(NumberService, sum, later())).seconds).toBe(2 * count);
  });

  it("rejects with what its source throws, and cancels the call", async () => {
    const cancelled = latch();
    await using server = await startTinyServer({ sum: (call) => void call.on("cancelled", () => cancelled.open()) });
    await using client = connectTo(server.target);
    const failure = new Error("the disk is gone");
    async function* failing() {
      yield duration(1);
      throw failure;
    }
    await expect(client.rpc.clientStream(NumberService, sum, failing())).rejects.toBe(failure);
    await cancelled.promise;
    expect(client.core.calls.size).toBe(0);
  });

  it("rejects with what opening its source throws", async () => {
    await using server = await startTinyServer({ sum: () => undefined });
    await using client = connectTo(server.target);
    const failure = new Error("nothing there");
    const requests = {
      [Symbol.asyncIterator]() {
        throw failure;
      },
    };
    await expect(client.rpc.clientStream(NumberService, sum, requests)).rejects.toBe(failure);
    expect(client.core.calls.size).toBe(0);
  });

  it("gives an early response and closes a source that still yields", async () => {
    await using server = await startTinyServer({
      sum: (call, callback) => void call.once("data", () => callback(null, duration(7))),
    });
    await using client = connectTo(server.target);
    const source = endlessSource();
    expect((await client.rpc.clientStream(NumberService, sum, source.requests)).seconds).toBe(7);
    await source.closed;
  });

  it("gives an early response and closes a source that is silent", async () => {
    await using server = await startTinyServer({ sum: (_call, callback) => callback(null, duration(7)) });
    await using client = connectTo(server.target);
    const source = silentSource();
    expect((await client.rpc.clientStream(NumberService, sum, source.requests)).seconds).toBe(7);
    await source.closed;
  });

  it("fails with an early error and closes the source", async () => {
    await using server = await startTinyServer({
      sum: (_call, callback) => callback({ code: Code.RESOURCE_EXHAUSTED, details: "too much" }),
    });
    await using client = connectTo(server.target);
    const source = endlessSource();
    const error = await errorOf(client.rpc.clientStream(NumberService, sum, source.requests));
    expect(error).toMatchObject({ kind: "resource-exhausted", origin: "server" });
    await source.closed;
  });

  it("fails when its signal aborts, closes the source, and the server sees it", async () => {
    const cancelled = latch();
    await using server = await startTinyServer({ sum: (call) => void call.on("cancelled", () => cancelled.open()) });
    await using client = connectTo(server.target);
    const source = silentSource();
    const control = new AbortController();
    const call = errorOf(client.rpc.clientStream(NumberService, sum, source.requests, { signal: control.signal }));
    await source.asked;
    // A call reaches the server with its first flight, which nobody else waits for.
    await client.transport.connect(AbortSignal.timeout(10_000));
    control.abort("enough");
    expect(await call).toMatchObject({ kind: "cancelled", cause: "enough" });
    await source.closed;
  });

  it("fails at its deadline although the source is silent", async () => {
    await using server = await startTinyServer({ sum: sumUp });
    await using client = connectTo(server.target);
    const source = silentSource();
    const error = await errorOf(client.rpc.clientStream(NumberService, sum, source.requests, { timeoutMs: 50 }));
    expect(error.kind).toBe("deadline-exceeded");
    await source.closed;
  });

  it("fails with UNAVAILABLE of the transport when the connection is lost", async () => {
    const begun = latch();
    await using server = await startTinyServer({ sum: () => begun.open() });
    await using client = connectTo(server.target);
    const source = silentSource();
    const call = errorOf(client.rpc.clientStream(NumberService, sum, source.requests));
    await begun.promise;
    server.cutConnections();
    expect(await call).toMatchObject({ kind: "unavailable", origin: "transport", retryable: true });
    await source.closed;
  });

  it("pulls its source no faster than the server reads", async () => {
    await using server = await startTinyServer({
      sum: (call) => void call.pause(),
      double: (_call, callback) => callback(null, duration(0)),
    });
    await using client = connectTo(server.target);
    const bytes = new Uint8Array(60_000);
    let pulledBytes = 0;
    function* source() {
      for (;;) {
        pulledBytes += bytes.byteLength;
        yield {};
      }
    }
    const raw = { ...sum, requestType: { ...sum.requestType, toBytes: () => bytes } };
    const control = new AbortController();
    const call = errorOf(client.rpc.clientStream(NumberService, raw, source(), { signal: control.signal }));
    // Time enough for many times the window, if nothing held the source.
    await roundTrips(server.target, 500);
    expect(pulledBytes).toBeLessThan(2 * 1_048_576);
    control.abort();
    await call;
  });
});
