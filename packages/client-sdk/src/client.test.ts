import { once } from "node:events";
import { createServer, type Socket } from "node:net";

import { describe, expect, it } from "@jest/globals";
import { decodeMessage, Duration, encodeMessage } from "@millrace/shared-types";

import { connectClient, createClient } from "./client.js";
import { fromGrpcJs } from "./rpc/from-grpc-js.js";
import { duration, errorOf, NumberService, startTinyServer } from "./rpc/tiny-server.test.support.js";
import type { ClientStatus } from "./rpc/status-feed.js";
import { latch } from "./testing/latch.js";
import { createTypedClient } from "./typed-client.js";

const { double, count, look } = NumberService.methods;

describe("connectClient", () => {
  it("gives a client that is connected", async () => {
    await using server = await startTinyServer({});
    await using client = await connectClient({ target: server.target });
    expect(client.state).toBe("ready");
  });

  it("rejects with the reason when nobody listens", async () => {
    const server = await startTinyServer({});
    await server[Symbol.asyncDispose]();
    const error = await errorOf(connectClient({ target: server.target }));
    expect(error).toMatchObject({ kind: "unavailable", origin: "transport" });
    expect(error.message).toContain("ECONNREFUSED");
  });

  it.each([":", "ipv4:1.2:3", "unix:"])("rejects when %s is no address, which will not get better", async (target) => {
    const error = await errorOf(connectClient({ target }));
    expect(error).toMatchObject({ kind: "unavailable", origin: "client", retryable: false });
  });

  it("can be given up", async () => {
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as { port: number };
    const caller = new AbortController();
    const connecting = connectClient({ target: `127.0.0.1:${String(port)}` }, { signal: caller.signal });
    caller.abort("enough");
    expect(await errorOf(connecting)).toMatchObject({ name: "AbortError", cause: "enough" });
    silent.close();
    await once(silent, "close");
  });

  it("rejects in time when nobody answers", async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const error = await errorOf(connectClient({ target: `127.0.0.1:${String(port)}`, connect: { timeoutMs: 100 } }));
    expect(error).toMatchObject({ kind: "connect-timeout", codeName: "UNAVAILABLE" });
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });
});

describe("a client", () => {
  it("refuses options that it would ignore", () => {
    expect(() => createClient({ target: "x:1", timeoutMs: 5 } as never)).toThrow("did you mean connect.timeoutMs?");
  });

  it("refuses options that its methods would ignore", async () => {
    await using client = createClient({ target: "x:1" });
    expect(() => client.with({ idleTimeout: 1 } as never)).toThrow("did you mean idleTimeoutMs?");
    await expect(client.waitForReady({ timeout: 1 } as never)).rejects.toThrow("did you mean timeoutMs?");
    await expect(client.drain({ signal: AbortSignal.abort() } as never)).rejects.toThrow("unknown option 'signal'");
    await expect(client.info({ timeout: 1 } as never)).rejects.toThrow("did you mean timeoutMs?");
  });

  it("connects when the first call needs it", async () => {
    await using server = await startTinyServer({ double: (_call, callback) => callback(null, duration(4)) });
    await using client = createClient({ target: server.target });
    expect(client.state).toBe("idle");
    expect((await client.rpc.unary(NumberService, double, {})).seconds).toBe(4);
    expect(client.state).toBe("ready");
  });

  it("waits until it is ready, through failures, and no longer than its signal wants", async () => {
    const first = await startTinyServer({});
    await first[Symbol.asyncDispose]();
    await using client = createClient({ target: first.target });
    const ready = client.waitForReady({ timeoutMs: 20_000 });
    for await (const { type } of client.status()) if (type === "disconnected") break;
    await using second = await startTinyServer({}, first.port);
    await ready;
    expect(second.port).toBe(first.port);
    expect(client.state).toBe("ready");
    await using other = createClient({ target: "127.0.0.1:1" });
    const signal = AbortSignal.abort("enough");
    expect(await errorOf(other.waitForReady({ signal }))).toMatchObject({ kind: "cancelled", cause: "enough" });
  });

  it("tells what happens to its connection, until it is closed", async () => {
    await using server = await startTinyServer({ double: (_call, callback) => callback(null, duration(1)) });
    const { target } = server;
    const client = createClient({ target });
    const seen: ClientStatus[] = [];
    const reading = (async () => {
      for await (const status of client.status()) seen.push(status);
    })();
    await client.rpc.unary(NumberService, double, {});
    await client.close();
    await reading;
    expect(seen).toEqual([
      { type: "connecting", target, attempt: 1 },
      { type: "ready", target },
    ]);
  });

  it("has defaults, which calls and derived clients override", async () => {
    const received: unknown[] = [];
    await using server = await startTinyServer({
      double(call, callback) {
        const { a, b } = call.metadata.getMap();
        received.push({ a, b });
        callback(null, duration(0));
      },
    });
    await using client = createClient({ target: server.target, defaults: { headers: { a: "1" } } });
    const derived = client.with({ headers: { b: "2" } });
    await derived.rpc.unary(NumberService, double, {});
    await derived.rpc.unary(NumberService, double, {}, { headers: { a: "3" } });
    await client.rpc.unary(NumberService, double, {});
    expect(received).toEqual([{ a: "1", b: "2" }, { a: "3", b: "2" }, { a: "1" }]);
    expect(derived.stats()).toMatchObject({ started: 3, completed: 3, active: 0 });
  });

  it("drains: waits for calls under way and takes no more", async () => {
    const begun = latch();
    const finish = latch();
    await using server = await startTinyServer({
      double(_call, callback) {
        begun.open();
        void finish.promise.then(() => callback(null, duration(9)));
      },
    });
    await using client = createClient({ target: server.target });
    const call = client.rpc.unary(NumberService, double, {});
    await begun.promise;
    const draining = client.drain();
    expect(client.state).toBe("draining");
    expect(await errorOf(client.rpc.unary(NumberService, look, {}))).toMatchObject({
      kind: "unavailable",
      origin: "client",
      retryable: false,
    });
    finish.open();
    await draining;
    expect((await call).seconds).toBe(9);
  });

  it("drains no longer than it is told, then close() ends what is left", async () => {
    const cancelled = latch();
    await using server = await startTinyServer({
      count(call) {
        call.on("cancelled", () => cancelled.open());
        call.write(duration(1));
      },
    });
    const client = createClient({ target: server.target });
    const iterator = client.rpc.serverStream(NumberService, count, {})[Symbol.asyncIterator]();
    await iterator.next();
    await client.drain({ timeoutMs: 20 });
    const pending = errorOf(iterator.next());
    await client.close();
    expect(await pending).toMatchObject({ kind: "unavailable", origin: "client", message: "the client was closed" });
    await cancelled.promise;
    await client.close();
    expect(client.state).toBe("closed");
    expect(client.stats().active).toBe(0);
  });

  it("ends the backoff of a call when it is closed", async () => {
    await using server = await startTinyServer({});
    await server[Symbol.asyncDispose]();
    const client = createClient({
      target: server.target,
      retry: { backoff: { initialMs: 1e9, maxMs: 1e9 } },
      random: () => 0.99,
    });
    const statuses = client.status();
    const call = errorOf(client.rpc.unary(NumberService, look, {}, { timeoutMs: 2 ** 31 - 1 }));
    for await (const { type } of statuses) if (type === "backoff") break;
    await client.close();
    expect(await call).toMatchObject({ kind: "unavailable", message: "the client was closed" });
  });

  it("asks for health and information", async () => {
    await using server = await startTinyServer({});
    await using client = createClient({ target: server.target });
    expect((await errorOf(client.health())).kind).toBe("unimplemented");
    expect((await errorOf(client.info())).kind).toBe("unimplemented");
    expect((await errorOf(client.raw.infoService.getServerInfo({}))).method).toBe(
      "streaming.v1.InfoService/GetServerInfo",
    );
  });
});

describe("a typed client", () => {
  it("calls all four kinds of a service of one's own", async () => {
    await using server = await startTinyServer({
      double: (call, callback) => callback(null, duration(call.request.seconds * 2)),
      count(call) {
        for (let n = 1; n <= call.request.seconds; n++) call.write(duration(n));
        call.end();
      },
      sum(call, callback) {
        let total = 0;
        call.on("data", ({ seconds }: { seconds: number }) => (total += seconds));
        call.on("end", () => callback(null, duration(total)));
      },
      echo(call) {
        call.on("data", (message: Duration) => call.write(message));
        call.on("end", () => call.end());
      },
    });
    await using numbers = createTypedClient(NumberService, { target: server.target });
    expect((await numbers.double({ seconds: 4 })).seconds).toBe(8);
    expect(await secondsOf(numbers.count({ seconds: 3 }))).toEqual([1, 2, 3]);
    expect((await numbers.sum([{ seconds: 1 }, { seconds: 2 }])).seconds).toBe(3);
    expect(await secondsOf(numbers.echo([{ seconds: 5 }, { seconds: 6 }]))).toEqual([5, 6]);
    const session = numbers.echo({ timeoutMs: 10_000 });
    await session.send({ seconds: 7 });
    await session.end();
    expect(await secondsOf(session)).toEqual([7]);
  });
});

describe("a typed client of a service generated for grpc-js", () => {
  it("uses the service's own serialization", async () => {
    await using server = await startTinyServer({
      double: (call, callback) => callback(null, duration(call.request.seconds * 2)),
    });
    const service = {
      double: {
        path: "/test.v1.Numbers/Double",
        requestStream: false,
        responseStream: false,
        requestSerialize: (value: Duration): Buffer => encodeMessage(Duration, value),
        responseDeserialize: (bytes: Buffer): Duration => decodeMessage(Duration, bytes),
      },
    } as const;
    await using client = createClient({ target: server.target });
    await using numbers = createTypedClient(fromGrpcJs(service), client);
    expect((await numbers.double(duration(4))).seconds).toBe(8);
  });
});

async function secondsOf(stream: AsyncIterable<{ readonly seconds: number }>): Promise<number[]> {
  const seconds: number[] = [];
  for await (const item of stream) seconds.push(item.seconds);
  return seconds;
}
