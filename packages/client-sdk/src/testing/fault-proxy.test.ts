import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

import { describe, expect, it } from "@jest/globals";

import { openFaultProxy } from "./fault-proxy.js";
import { latch } from "./latch.js";

/** Sends back what comes, and half-closes when the peer does. */
async function openEchoServer(): Promise<{ port: number; sockets: Set<Socket> } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** A client's side. A test closes it by leaving its block; a socket's own dispose complains about a reset. */
async function openSocket(port: number): Promise<Socket & Disposable> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => {});
  await once(socket, "connect");
  return Object.assign(socket, { [Symbol.dispose]: () => void socket.destroy() });
}

const closed = async (socket: Socket): Promise<void> => {
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
};

async function readBytes(socket: Socket, count: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= count) break;
  }
  return Buffer.concat(chunks);
}

describe("the fault proxy", () => {
  it("carries bytes both ways unchanged, and half-closes one side after the other", async () => {
    await using echo = await openEchoServer();
    await using proxy = await openFaultProxy(echo.port);
    using socket = await openSocket(proxy.port);
    const sent = Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => i * 7));
    socket.end(sent);
    expect((await readBytes(socket, Infinity)).equals(sent)).toBe(true);
    await closed(socket);
    expect(proxy.bytes).toBe(2 * sent.length);
    expect(proxy.accepted).toBe(1);
  });

  it("cuts connections on both sides", async () => {
    await using echo = await openEchoServer();
    await using proxy = await openFaultProxy(echo.port);
    using socket = await openSocket(proxy.port);
    socket.write("hello");
    await readBytes(socket, 5);
    const [upstream] = echo.sockets;
    proxy.cut();
    await closed(socket);
    await closed(upstream as Socket);
    expect(echo.sockets.size).toBe(0);
  });

  it("cuts after a number of bytes", async () => {
    await using echo = await openEchoServer();
    await using proxy = await openFaultProxy(echo.port);
    using socket = await openSocket(proxy.port);
    proxy.cutAfterBytes(9);
    socket.write("1234");
    expect(String(await readBytes(socket, 4))).toBe("1234");
    socket.write("5");
    await closed(socket);
    using again = await openSocket(proxy.port);
    again.write("5678");
    expect(String(await readBytes(again, 4))).toBe("5678");
  });

  it("is a black hole while stalled, and delivers everything afterwards", async () => {
    await using echo = await openEchoServer();
    await using proxy = await openFaultProxy(echo.port);
    using stalled = await openSocket(proxy.port);
    stalled.write("a");
    await readBytes(stalled, 1);
    proxy.stall();
    const arrived = latch<string>();
    stalled.write("b");
    void readBytes(stalled, 1).then((bytes) => arrived.open(String(bytes)));
    // A second way to the same server shows that time enough has passed.
    using direct = await openSocket(echo.port);
    for (let n = 0; n < 20; n++) {
      direct.write("x");
      await readBytes(direct, 1);
    }
    expect(arrived.isOpen).toBe(false);
    proxy.resume();
    expect(await arrived.promise).toBe("b");
  });

  it("refuses connections until told otherwise", async () => {
    await using echo = await openEchoServer();
    await using proxy = await openFaultProxy(echo.port);
    proxy.refuse();
    const refused = connect({ port: proxy.port, host: "127.0.0.1" });
    refused.on("error", () => {});
    await closed(refused);
    proxy.accept();
    using socket = await openSocket(proxy.port);
    socket.write("a");
    expect(String(await readBytes(socket, 1))).toBe("a");
  });

  it("resets a connection whose server cannot be reached, and finds a new one when redirected", async () => {
    await using echo = await openEchoServer();
    const gone = await openEchoServer();
    await gone[Symbol.asyncDispose]();
    await using proxy = await openFaultProxy(gone.port);
    const lost = connect({ port: proxy.port, host: "127.0.0.1" });
    lost.on("error", () => {});
    await closed(lost);
    proxy.redirect(echo.port);
    using socket = await openSocket(proxy.port);
    socket.write("a");
    expect(String(await readBytes(socket, 1))).toBe("a");
  });

  it("holds a sender whose peer reads nothing: it buffers no more than its bound", async () => {
    const server = createServer({ pauseOnConnect: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const accepted = once(server, "connection");
    await using proxy = await openFaultProxy((server.address() as AddressInfo).port, { latencyMs: 1 });
    using socket = await openSocket(proxy.port);
    const [upstream] = (await accepted) as [Socket];
    const total = 64 * 1024 * 1024;
    socket.write(Buffer.alloc(total));
    // The kernel's buffers and the proxy's bound fill up; then the bytes stand still.
    let before = -1;
    for (let still = 0; still < 50; still++) {
      if (proxy.bytes !== before) still = 0;
      before = proxy.bytes;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(proxy.bytes).toBeLessThan(total / 2);
    expect(socket.writableLength).toBeGreaterThan(0);
    upstream.destroy();
    proxy.cut();
    server.close();
  });

  it("slows bytes down: latency and rate are lower bounds", async () => {
    await using echo = await openEchoServer();
    await using proxy = await openFaultProxy(echo.port, { latencyMs: 5, bytesPerSecond: 1_000_000 });
    using socket = await openSocket(proxy.port);
    const startedAt = performance.now();
    socket.write(Buffer.alloc(20_000));
    expect(await readBytes(socket, 20_000)).toHaveLength(20_000);
    // 20 ms of transfer and 5 ms of latency each way, less what the two directions overlap.
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(25);
  });
});
