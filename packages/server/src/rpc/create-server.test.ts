import { createServer as createTcpServer, connect } from "node:net";
import { once } from "node:events";

import { describe, expect, test } from "@jest/globals";
import { Metadata } from "@grpc/grpc-js";
import { StatusCode } from "@millrace/shared-types";

import { latch } from "../testing/latch.js";
import { grpcFrame, RawConnection } from "../testing/raw-connection.js";
import { startTestServer } from "../testing/start-test-server.js";
import { chunk, type TestHandlers, TestService } from "../testing/test-service.js";
import { partialService } from "./bind-service.js";
import type { CallContext } from "./call-context.js";
import { createServer } from "./create-server.js";
import { TestClient } from "./testing/test-client.js";

const echo: TestHandlers = { one: async (request) => Promise.resolve(request) };

describe("createServer", () => {
  test("takes a free port and says which", async () => {
    await using server = await createServer({ port: 0, services: [partialService(TestService, echo)] });
    expect(server.address).toBe(`127.0.0.1:${String(server.port)}`);
    using client = new TestClient(server.address);
    expect((await client.one(chunk(7))).numbers).toEqual([7]);
  });

  test("a port that is taken rejects with the system's code", async () => {
    const taken = createTcpServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    await expect(createServer({ port })).rejects.toMatchObject({ code: "EADDRINUSE" });
    taken.close();
  });

  test.each([
    [{ prot: 1 }, 'unknown option "prot"; did you mean "port"?'],
    [{ limits: { maxMesageBytes: 1 } }, 'unknown option of limits "maxMesageBytes"; did you mean "maxMessageBytes"?'],
    [{ port: -1 }, "port must be a whole number from 0 to 65535, not -1"],
    [{ timeouts: { idleMs: 0.5 } }, "timeouts.idleMs must be a whole number"],
    [{ limits: { maxMessageBytes: 1 } }, "limits.maxMessageBytes must be a whole number"],
    [{ methodTimeouts: { "/x/Y": {} } }, 'unknown method in methodTimeouts "/x/Y"'],
    [{ host: "0.0.0.0" }, "host 0.0.0.0 can be reached by others: give tls and authenticate, or insecure: true"],
    [{ host: "::", authenticate: () => ({ id: "" }) }, "host :: can be reached by others: give tls, or insecure"],
  ])("%j is refused by name", async (options, message) => {
    await expect(createServer(options as object)).rejects.toThrow(message);
  });

  test("an address that others can reach is served once somebody says insecure", async () => {
    await using server = await createServer({ host: "0.0.0.0", port: 0, insecure: true });
    expect(server.port).toBeGreaterThan(0);
  });

  test("the same RPC twice is refused", async () => {
    const twice = [partialService(TestService, echo), partialService(TestService, echo)];
    await expect(createServer({ port: 0, services: twice })).rejects.toThrow("/test.v1.TestService/One is given twice");
  });

  test("the handler learns what the call says about itself, and its headers reach the client first", async () => {
    const seen = latch<CallContext>();
    await using test = await startTestServer({
      async *down(_request, context) {
        context.sendHeaders({ "x-early": "bird" });
        context.sendHeaders({ "x-early": "late" });
        seen.open(context);
        await new Promise((_resolve, reject) => context.signal.addEventListener("abort", reject));
        yield chunk(1);
      },
    });
    using client = new TestClient(test.address);
    const metadata = new Metadata();
    metadata.set("x-name", "ada");
    metadata.set("x-key-bin", Buffer.from([1, 2]));
    const call = client.down(chunk(1), { metadata, timeoutMs: 60_000 });
    const [headers] = (await once(call, "metadata")) as [Metadata];
    expect(headers.get("x-early")).toEqual(["bird"]);
    const context = await seen.promise;
    expect(context).toMatchObject({
      method: "/test.v1.TestService/Down",
      kind: "server-streaming",
      headers: { "x-name": "ada", "x-key-bin": Buffer.from([1, 2]) },
    });
    expect(context.peer).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(context.deadline?.getTime()).toBeGreaterThan(Date.now());
    call.cancel();
  });

  test("two calls share neither signal nor id", async () => {
    const contexts: CallContext[] = [];
    const both = latch();
    await using test = await startTestServer({
      async *down(_request, context) {
        if (contexts.push(context) === 2) both.open();
        yield chunk(1);
        await new Promise((_resolve, reject) => context.signal.addEventListener("abort", reject));
      },
    });
    using client = new TestClient(test.address);
    const [first, second] = [client.down(chunk(1)), client.down(chunk(2))];
    await both.promise;
    const [a, b] = contexts as [CallContext, CallContext];
    expect(a.requestId).not.toBe(b.requestId);
    first.cancel();
    if (!contexts.some(({ signal }) => signal.aborted)) {
      await Promise.race(contexts.map(({ signal }) => once(signal, "abort")));
    }
    expect(contexts.filter(({ signal }) => signal.aborted)).toHaveLength(1);
    second.cancel();
  });

  test("connections beyond the limit are closed, and those within are not", async () => {
    await using test = await startTestServer(echo, { limits: { maxConnections: 2 } });
    using first = await RawConnection.open(test.server.port);
    using second = await RawConnection.open(test.server.port);
    using third = await RawConnection.open(test.server.port);
    await third.closed();
    expect([first.socket.closed, second.socket.closed]).toEqual([false, false]);
    expect(test.server.stats().connections).toBe(2);
  });

  test("a connection that says nothing is closed", async () => {
    await using test = await startTestServer(echo, { timeouts: { handshakeMs: 50 } });
    const silent = connect(test.server.port, "127.0.0.1");
    silent.resume();
    await once(silent, "close");
    await test.server.close();
    expect(test.clock.timers).toBe(0);
  });

  test("streams beyond the limit of a connection are refused, and the server goes on", async () => {
    await using test = await startTestServer(
      {
        both: async function* (requests) {
          yield* requests;
        },
      },
      { limits: { maxStreamsPerConnection: 10 } },
    );
    using raw = await RawConnection.open(test.server.port);
    await raw.settingsAcknowledged();
    for (let n = 0; n < 1_000; n++) raw.openCall(2 * n + 1, "/test.v1.TestService/Both");
    await raw.closed();
    expect(test.server.stats().handlers).toBeLessThanOrEqual(10);
    using client = new TestClient(test.address);
    expect((await client.one(chunk(1))).code).toBe(StatusCode.UNIMPLEMENTED);
  });

  test("headers above the limit are refused", async () => {
    await using test = await startTestServer(echo, { limits: { maxHeaderBytes: 4_096 } });
    using raw = await RawConnection.open(test.server.port);
    await raw.settingsAcknowledged();
    raw.openCall(1, "/test.v1.TestService/One", { "x-long": "x".repeat(10_000) });
    await raw.callReset(1);
    expect(test.log.lines).toEqual([]);
  });

  test("10,000 calls cancelled at random moments leave nothing", async () => {
    await using test = await startTestServer({
      async *both(requests, { signal }) {
        for await (const request of requests) yield request;
        signal.throwIfAborted();
      },
    });
    for (let round = 0; round < 100; round++) {
      using raw = await RawConnection.open(test.server.port);
      for (let n = 0; n < 100; n++) {
        const id = 2 * n + 1;
        raw.openCall(id, "/test.v1.TestService/Both");
        if (n % 3 !== 0) raw.data(id, grpcFrame(Buffer.alloc(n % 7)));
        if (n % 4 !== 0) raw.reset(id);
      }
      if (round % 2 === 0) await raw.settingsAcknowledged();
    }
    await test.server.close();
    expect(test.server.stats()).toMatchObject({ calls: 0, handlers: 0, connections: 0 });
    expect(test.clock.timers).toBe(0);
  });
});
