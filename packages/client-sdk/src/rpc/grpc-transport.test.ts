import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

import { describe, expect, it } from "@jest/globals";
import { StatusCode } from "@millrace/shared-types";

import { latch } from "../testing/latch.js";
import { channelOptions, usesTls } from "./channel-options.js";
import { GrpcTransport } from "./grpc-transport.js";
import { connectTo, duration, errorOf, NumberService, startTinyServer } from "./tiny-server.test.support.js";
import type { ConnectionState } from "./transport.js";

const { double, count } = NumberService.methods;

/** Accepts connections and never says a word. */
async function startSilentServer(): Promise<
  AsyncDisposable & { readonly target: string; readonly sockets: Set<Socket> }
> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.resume();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    target: `127.0.0.1:${String(port)}`,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

describe("a connection that does not come about", () => {
  it.each([
    ["HTTP/2", false],
    ["TLS", true],
  ])("while the %s handshake hangs fails the calls that wait, in time", async (_name, tls) => {
    await using server = await startSilentServer();
    await using client = connectTo(server.target, { tls, connect: { timeoutMs: 150 } });
    const error = await errorOf(client.rpc.unary(NumberService, double, {}));
    expect(error).toMatchObject({
      kind: "connect-timeout",
      codeName: "UNAVAILABLE",
      origin: "transport",
      retryable: true,
    });
    expect(error.message).toBe(`connect timeout: no connection to ${server.target} within 150 ms`);
  });

  it("is tried anew by the next call", async () => {
    await using server = await startSilentServer();
    await using client = connectTo(server.target, { connect: { timeoutMs: 100 } });
    await errorOf(client.rpc.unary(NumberService, double, {}));
    await errorOf(client.rpc.unary(NumberService, double, {}));
    expect(server.sockets.size).toBe(2);
  });

  it("closes the sockets of attempts that hang", async () => {
    await using server = await startSilentServer();
    const client = connectTo(server.target, { connect: { timeoutMs: 60_000 } });
    const call = errorOf(client.rpc.unary(NumberService, double, {}));
    while (server.sockets.size === 0) await new Promise((resolve) => setImmediate(resolve));
    const [socket] = server.sockets;
    const closed = once(socket as Socket, "close");
    await client[Symbol.asyncDispose]();
    await closed;
    expect(await call).toMatchObject({ kind: "unavailable", origin: "client", retryable: false });
  });
});

describe("a connection", () => {
  it("tells its states, and connects again after it was lost", async () => {
    await using server = await startTinyServer({ double: (_call, callback) => callback(null, duration(1)) });
    await using client = connectTo(server.target);
    const states: ConnectionState[] = [];
    const lost = latch();
    client.transport.onStateChange((state) => {
      states.push(state);
      if (states.includes("ready") && state === "idle") lost.open();
    });
    await client.rpc.unary(NumberService, double, {});
    server.cutConnections();
    await lost.promise;
    await client.rpc.unary(NumberService, double, {});
    expect(states).toEqual(["connecting", "ready", "idle", "connecting", "ready"]);
    await client.transport.close();
    expect(client.transport.state).toBe("closed");
  });

  it("is there when connect() resolves; connect() rejects with its signal's reason otherwise", async () => {
    await using server = await startTinyServer({});
    await using client = connectTo(server.target);
    await client.transport.connect(AbortSignal.timeout(10_000));
    expect(client.transport.state).toBe("ready");
    await using hung = await startSilentServer();
    await using other = connectTo(hung.target);
    const control = new AbortController();
    const connecting = other.transport.connect(control.signal);
    const reason = new Error("enough");
    control.abort(reason);
    await expect(connecting).rejects.toBe(reason);
  });

  it("that is not answered any more is found dead by keepalive", async () => {
    const sockets = latch<Socket>();
    await using server = await startTinyServer({ count: (call) => void call.write(duration(1)) });
    const proxy = createServer((near) => {
      const far = connect(server.port, "127.0.0.1");
      near.pipe(far).pipe(near);
      near.on("error", () => undefined);
      far.on("error", () => undefined);
      sockets.open(near);
    });
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const { port } = proxy.address() as { port: number };
    await using client = connectTo(`127.0.0.1:${String(port)}`, { keepAlive: { intervalMs: 100, timeoutMs: 100 } });
    const iterator = client.rpc.serverStream(NumberService, count, {})[Symbol.asyncIterator]();
    await iterator.next();
    const near = await sockets.promise;
    near.unpipe();
    near.pause();
    expect(await errorOf(iterator.next())).toMatchObject({ kind: "unavailable", origin: "transport" });
    near.destroy();
    proxy.close();
    await once(proxy, "close");
  });

  it("that is silent for too long is replaced, and what goes on over it is left alone", async () => {
    const sockets: Socket[] = [];
    await using server = await startTinyServer({ count: (call) => void call.write(duration(1)) });
    const proxy = createServer((near) => {
      sockets.push(near);
      const far = connect(server.port, "127.0.0.1");
      near.pipe(far).pipe(near);
      for (const socket of [near, far]) socket.on("error", () => undefined);
    });
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const { port } = proxy.address() as { port: number };
    await using client = connectTo(`127.0.0.1:${String(port)}`, { keepAlive: false });
    const patient = client.rpc.serverStream(NumberService, count, {})[Symbol.asyncIterator]();
    await patient.next();
    const waiting = patient.next();
    const watched = client.rpc.serverStream(NumberService, count, {}, { idleTimeoutMs: 100 })[Symbol.asyncIterator]();
    await watched.next();
    sockets[0]?.unpipe();
    expect(await errorOf(watched.next())).toMatchObject({ kind: "idle-timeout", retryable: true });
    const again = client.rpc.serverStream(NumberService, count, {})[Symbol.asyncIterator]();
    expect((await again.next()).value).toEqual(duration(1));
    expect(sockets).toHaveLength(2);
    await again.return?.();
    await patient.return?.();
    expect((await waiting).done).toBe(true);
    for (const socket of sockets) socket.destroy();
    proxy.close();
    await once(proxy, "close");
  });

  it("ends all calls when it is closed, and takes no more", async () => {
    const begun = latch();
    const cancelled = latch();
    await using server = await startTinyServer({
      count(call) {
        call.on("cancelled", () => cancelled.open());
        begun.open();
      },
    });
    const transport = new GrpcTransport({ target: server.target });
    const call = transport.start({ path: "/test.v1.Numbers/Count", headers: {} });
    void call.send(Buffer.alloc(0));
    call.halfClose();
    await begun.promise;
    const receiving = call.receive();
    await transport.close();
    expect(await receiving).toBeUndefined();
    expect(await call.status).toMatchObject({ code: StatusCode.UNAVAILABLE, origin: "client" });
    await cancelled.promise;
    const late = transport.start({ path: "/test.v1.Numbers/Count", headers: {} });
    expect(await late.status).toMatchObject({ code: StatusCode.UNAVAILABLE, origin: "client" });
  });

  it("leaves no socket when it is closed", async () => {
    await using server = await startTinyServer({ double: (_call, callback) => callback(null, duration(1)) });
    const before = socketsOpen();
    for (let n = 0; n < 5; n++) {
      await using client = connectTo(server.target);
      await client.rpc.unary(NumberService, double, {});
    }
    expect(socketsOpen()).toBeLessThanOrEqual(before + 5);
    // What is left are the server's ends, which close when they hear of it.
    server.cutConnections();
    while (socketsOpen() > before) await new Promise((resolve) => setImmediate(resolve));
  });
});

describe("channel options", () => {
  it("are these, and only names that grpc-js knows", () => {
    expect(channelOptions({ target: "x:1" })).toEqual({
      "grpc.enable_retries": 0,
      "grpc.per_rpc_retry_buffer_size": 0,
      "grpc.service_config_disable_resolution": 1,
      "grpc.enable_http_proxy": 0,
      "grpc.enable_channelz": 0,
      "grpc.use_local_subchannel_pool": 1,
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 5000,
      "grpc.max_receive_message_length": 4_194_304,
      "grpc.max_send_message_length": 4_194_304,
      "grpc-node.flow_control_window": 1_048_576,
      "grpc.keepalive_time_ms": 20_000,
      "grpc.keepalive_timeout_ms": 10_000,
      "grpc.keepalive_permit_without_calls": 0,
    });
    expect(channelOptions({ target: "x:1", keepAlive: false })).toMatchObject({ "grpc.keepalive_time_ms": -1 });
  });

  it("do not turn endless times into pings without a pause", () => {
    const keepAlive = { intervalMs: Infinity, timeoutMs: 1e12 };
    expect(channelOptions({ target: "x:1", keepAlive })).toMatchObject({
      "grpc.keepalive_time_ms": 2_147_483_647,
      "grpc.keepalive_timeout_ms": 2_147_483_647,
    });
  });

  it.each([0, 65_534, 2 ** 31, 65_535.5])("refuse a receive window of %d bytes", (receiveWindowBytes) => {
    expect(() => channelOptions({ target: "x:1", limits: { receiveWindowBytes } })).toThrow(RangeError);
  });

  it.each([
    ["localhost:1", false],
    ["127.0.0.1:1", false],
    ["[::1]:1", false],
    ["dns:///localhost:1", false],
    ["ipv4:127.0.0.1:1,127.0.0.2:1", false],
    ["unix:/tmp/socket", false],
    ["ipv4:127.0.0.1:1,10.0.0.1:1", true],
    ["example.com:443", true],
    ["localhost.example.com:443", true],
    ["127.0.0.1.example.com:443", true],
    ["dns:///10.0.0.1:1", true],
  ])("use TLS for %s: %s", (target, expected) => {
    expect(usesTls({ target })).toBe(expected);
  });
});

function socketsOpen(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
}
