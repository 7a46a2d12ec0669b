import { status as Code } from "@grpc/grpc-js";
import { describe, expect, it } from "@jest/globals";
import { encodeStatusDetails, ServiceError, STATUS_DETAILS_KEY } from "@millrace/shared-types";

import type { StreamingError } from "../errors.js";
import { latch } from "../testing/latch.js";
import {
  connectTo,
  duration,
  errorOf,
  metadataOf,
  NumberService,
  startTinyServer,
} from "./tiny-server.test.support.js";

const { double, look } = NumberService.methods;

describe("a unary call", () => {
  it("gives the response, the headers and the trailers", async () => {
    await using server = await startTinyServer({
      double(call, callback) {
        call.sendMetadata(metadataOf({ "x-greeting": "hello" }));
        callback(null, duration(call.request.seconds * 2), metadataOf({ "x-farewell": "bye" }));
      },
    });
    await using client = connectTo(server.target);
    const seen: unknown[] = [];
    const response = await client.rpc.unary(
      NumberService,
      double,
      { seconds: 21 },
      {
        onHeaders: (headers) => seen.push(headers["x-greeting"]),
        onTrailers: (trailers) => seen.push(trailers["x-farewell"]),
      },
    );
    expect(response.seconds).toBe(42);
    expect(seen).toEqual(["hello", "bye"]);
  });

  it("sends headers: the call's own over the client's defaults, under lower-case names", async () => {
    const received = latch<Record<string, unknown>>();
    await using server = await startTinyServer({
      double(call, callback) {
        received.open(call.metadata.getMap());
        callback(null, duration(0));
      },
    });
    await using client = connectTo(server.target, { defaults: { headers: { "x-a": "default", "x-b": "default" } } });
    const headers = { "X-A": "own", "x-c-bin": new Uint8Array([1, 2]) };
    await client.rpc.unary(NumberService, double, {}, { headers });
    const sent = await received.promise;
    expect(sent).toMatchObject({ "x-a": "own", "x-b": "default", "x-c-bin": Buffer.from([1, 2]) });
  });

  it("tells what the server wrote: code, reason, details, request id and peer", async () => {
    const failure = new ServiceError("UPLOAD_OFFSET_MISMATCH", "offset is 7, not 5", {
      metadata: { committed_size: 5 },
    });
    await using server = await startTinyServer({
      double(_call, callback) {
        const details = Buffer.from(encodeStatusDetails(failure));
        const metadata = metadataOf({ [STATUS_DETAILS_KEY]: details, "x-request-id": "r-1" });
        callback({ code: failure.code, details: failure.message, metadata });
      },
    });
    await using client = connectTo(server.target);
    const error = await errorOf(client.rpc.unary(NumberService, double, {}));
    expect(error).toMatchObject({
      kind: "out-of-range",
      codeName: "OUT_OF_RANGE",
      message: "offset is 7, not 5",
      origin: "server",
      retryable: false,
      reason: "UPLOAD_OFFSET_MISMATCH",
      domain: "streaming.v1",
      details: { metadata: { committed_size: "5" } },
      method: "test.v1.Numbers/Double",
      peer: server.target,
      requestId: "r-1",
    });
    expect(error.attempts).toHaveLength(1);
  });

  it("ends at its deadline on both sides", async () => {
    const cancelled = latch();
    await using server = await startTinyServer({ double: (call) => void call.on("cancelled", () => cancelled.open()) });
    await using client = connectTo(server.target);
    const error = await errorOf(client.rpc.unary(NumberService, double, {}, { timeoutMs: 50 }));
    expect(error).toMatchObject({ kind: "deadline-exceeded", origin: "client", retryable: false });
    await cancelled.promise;
  });

  it("refuses a timeout that timers cannot keep", async () => {
    await using client = connectTo("127.0.0.1:1");
    const call = client.rpc.unary(NumberService, double, {}, { timeoutMs: 2 ** 31 });
    await expect(call).rejects.toThrow(
      new RangeError("timeoutMs is 2147483648, not between 0 and 2147483647 (leave it out for none)"),
    );
    expect(client.core.calls.size).toBe(0);
  });

  it("ends when its signal aborts, also at the server, and says why", async () => {
    const begun = latch();
    const cancelled = latch();
    await using server = await startTinyServer({
      double(call) {
        call.on("cancelled", () => cancelled.open());
        begun.open();
      },
    });
    await using client = connectTo(server.target);
    const control = new AbortController();
    const call = errorOf(client.rpc.unary(NumberService, double, {}, { signal: control.signal }));
    await begun.promise;
    const reason = new Error("not wanted any more");
    control.abort(reason);
    const error = await call;
    expect(error).toMatchObject({ name: "AbortError", kind: "cancelled", origin: "client", cause: reason });
    await cancelled.promise;
  });

  it("does not reach the server if its signal was aborted before", async () => {
    let calls = 0;
    await using server = await startTinyServer({
      double(_call, callback) {
        calls++;
        callback(null, duration(0));
      },
    });
    await using client = connectTo(server.target);
    const signal = AbortSignal.abort();
    expect((await errorOf(client.rpc.unary(NumberService, double, {}, { signal }))).kind).toBe("cancelled");
    await client.rpc.unary(NumberService, double, {});
    expect(calls).toBe(1);
  });

  it("fails with UNAVAILABLE of the transport when the connection is lost", async () => {
    const begun = latch();
    await using server = await startTinyServer({ double: () => begun.open() });
    await using client = connectTo(server.target);
    const call = errorOf(client.rpc.unary(NumberService, double, {}));
    await begun.promise;
    server.cutConnections();
    expect(await call).toMatchObject({ kind: "unavailable", origin: "transport", retryable: true });
  });

  it("fails with UNAVAILABLE of the transport when nobody listens", async () => {
    const server = await startTinyServer({});
    await server[Symbol.asyncDispose]();
    await using client = connectTo(server.target);
    const error = await errorOf(client.rpc.unary(NumberService, double, {}));
    expect(error).toMatchObject({ kind: "unavailable", origin: "transport", retryable: true, peer: undefined });
    expect(error.message).toContain("ECONNREFUSED");
  });

  it("says that a response is malformed, and a request", async () => {
    await using server = await startTinyServer({
      double: (_call, callback) => callback(null, Buffer.from([0xff]) as never),
    });
    await using client = connectTo(server.target);
    const malformed = await errorOf(client.rpc.unary(NumberService, double, {}));
    expect(malformed).toMatchObject({ kind: "internal", origin: "client", retryable: false });
    const wrong = await errorOf(client.rpc.unary(NumberService, double, { seconds: "x" as never }));
    expect(wrong).toMatchObject({ kind: "invalid-argument", origin: "client" });
  });

  it("names a header that cannot be sent, not its value", async () => {
    await using client = connectTo("127.0.0.1:1");
    const headers = { "x-token": "line\nbreak" };
    const error = await errorOf(client.rpc.unary(NumberService, double, {}, { headers }));
    expect(error).toMatchObject({ kind: "invalid-argument", origin: "client" });
    expect(error.message).toBe("header 'x-token' has a name or a value that cannot be sent");
  });

  it("refuses messages above the limits, either way, and names the option", async () => {
    await using server = await startTinyServer({
      double: (_call, callback) => callback(null, Buffer.alloc(5000) as never),
    });
    await using client = connectTo(server.target, { limits: { maxReceiveBytes: 1000, maxSendBytes: 3 } });
    const sent = await errorOf(client.rpc.unary(NumberService, double, { seconds: 1e9 }));
    expect(sent).toMatchObject({ kind: "message-too-large", size: 6, limit: 3, option: "limits.maxSendBytes" });
    const received = await errorOf(client.rpc.unary(NumberService, double, {}));
    expect(received).toMatchObject({
      kind: "message-too-large",
      size: 5000,
      limit: 1000,
      option: "limits.maxReceiveBytes",
      origin: "client",
    });
  });

  it("fails with UNIMPLEMENTED where there is no such RPC", async () => {
    await using server = await startTinyServer({});
    await using client = connectTo(server.target);
    const error = await errorOf(client.rpc.unary(NumberService, double, {}));
    expect(error).toMatchObject({ kind: "unimplemented", origin: "server" });
  });
});

describe("a unary call that is safe to repeat", () => {
  it("is tried again after a failure that may go away", async () => {
    let calls = 0;
    await using server = await startTinyServer({
      look(_call, callback) {
        calls++;
        if (calls < 3) callback({ code: Code.UNAVAILABLE, details: "not yet" });
        else callback(null, duration(calls));
      },
    });
    await using client = connectTo(server.target);
    expect((await client.rpc.unary(NumberService, look, {})).seconds).toBe(3);
    expect(client.core.counters).toMatchObject({ started: 1, completed: 1, retries: 2 });
  });

  it("is tried again when a server that stops resets it, which arrives as CANCELLED", async () => {
    let calls = 0;
    await using server = await startTinyServer({
      look(_call, callback) {
        calls++;
        if (calls === 1) server.server.drain(server.target, 0);
        else callback(null, duration(calls));
      },
    });
    await using client = connectTo(server.target);
    const result = await client.rpc.unary(NumberService, look, {});
    expect(result.seconds).toBe(2);
  });

  it("tells all attempts when it gives up", async () => {
    await using server = await startTinyServer({
      look: (_call, callback) => callback({ code: Code.UNAVAILABLE, details: "never" }),
    });
    await using client = connectTo(server.target, { retry: { maxAttempts: 3, backoff: { initialMs: 1 } } });
    const { attempts } = await errorOf(client.rpc.unary(NumberService, look, {}));
    expect(attempts).toHaveLength(3);
    expect(attempts[0]).toMatchObject({
      peer: server.target,
      codeName: "UNAVAILABLE",
      origin: "server",
      message: "never",
    });
  });

  it("is left alone when the server says so", async () => {
    let calls = 0;
    await using server = await startTinyServer({
      look(_call, callback) {
        calls++;
        const metadata = metadataOf({ "grpc-retry-pushback-ms": "-1" });
        callback({ code: Code.UNAVAILABLE, details: "go away", metadata });
      },
    });
    await using client = connectTo(server.target);
    expect((await errorOf(client.rpc.unary(NumberService, look, {}))).retryable).toBe(false);
    expect(calls).toBe(1);
  });

  it("is not repeated if it is not marked, unless the call asks for it", async () => {
    let calls = 0;
    await using server = await startTinyServer({
      double(_call, callback) {
        calls++;
        callback({ code: Code.UNAVAILABLE, details: "no" });
      },
    });
    await using client = connectTo(server.target);
    await errorOf(client.rpc.unary(NumberService, double, {}));
    expect(calls).toBe(1);
    const retry = { maxAttempts: 2, backoff: { initialMs: 1 } };
    await errorOf(client.rpc.unary(NumberService, double, {}, { retry }));
    expect(calls).toBe(3);
  });

  it("gives up at once when its signal aborts during a backoff", async () => {
    await using server = await startTinyServer({
      look: (_call, callback) => callback({ code: Code.UNAVAILABLE, details: "no" }),
    });
    await using client = connectTo(server.target, { retry: { backoff: { initialMs: 2 ** 30, maxMs: 2 ** 30 } } });
    const control = new AbortController();
    const statuses = client.core.statuses.read();
    const call = errorOf(client.rpc.unary(NumberService, look, {}, { signal: control.signal, timeoutMs: 2 ** 31 - 1 }));
    await statuses.next();
    control.abort();
    const error = await call;
    expect(error.kind).toBe("cancelled");
    expect(error.attempts).toHaveLength(1);
  });
});

describe("credentials", () => {
  it("are fetched for each attempt, and once more after they were refused", async () => {
    await using server = await startTinyServer({
      double(call, callback) {
        if (call.metadata.get("authorization")[0] === "Bearer 2") callback(null, duration(7));
        else callback({ code: Code.UNAUTHENTICATED, details: "expired" });
      },
    });
    const attempts: number[] = [];
    const refused: StreamingError[] = [];
    await using client = connectTo(server.target, {
      auth: {
        getHeaders({ attempt, method }) {
          expect(method).toBe("test.v1.Numbers/Double");
          attempts.push(attempt);
          return Promise.resolve({ Authorization: `Bearer ${String(refused.length + 1)}` });
        },
        invalidate: (error) => void refused.push(error),
      },
    });
    expect((await client.rpc.unary(NumberService, double, {})).seconds).toBe(7);
    expect(attempts).toEqual([1, 2]);
    expect(refused).toHaveLength(1);
  });

  it("that are refused again end the call", async () => {
    let calls = 0;
    await using server = await startTinyServer({
      double(_call, callback) {
        calls++;
        callback({ code: Code.UNAUTHENTICATED, details: "no" });
      },
    });
    const auth = { getHeaders: () => Promise.resolve({}), invalidate: () => undefined };
    await using client = connectTo(server.target, { auth });
    expect((await errorOf(client.rpc.unary(NumberService, double, {}))).kind).toBe("unauthenticated");
    expect(calls).toBe(2);
  });

  it("that cannot be had end the call with the provider's error as cause", async () => {
    await using server = await startTinyServer({});
    const cause = new Error("token server is down");
    await using client = connectTo(server.target, { auth: { getHeaders: () => Promise.reject(cause) } });
    const error = await errorOf(client.rpc.unary(NumberService, double, {}));
    expect(error).toMatchObject({ kind: "unauthenticated", origin: "client", cause });
  });

  it("that never come do not hold a call whose signal aborts", async () => {
    await using server = await startTinyServer({});
    const control = new AbortController();
    const asked = latch();
    await using client = connectTo(server.target, {
      auth: {
        getHeaders() {
          asked.open();
          return new Promise(() => undefined);
        },
      },
    });
    const call = errorOf(client.rpc.unary(NumberService, double, {}, { signal: control.signal }));
    await asked.promise;
    control.abort();
    expect((await call).kind).toBe("cancelled");
  });

  it("never travel in plaintext beyond this machine", async () => {
    expect(() => connectTo("example.com:443", { tls: false, auth: { getHeaders: () => Promise.resolve({}) } })).toThrow(
      "credentials are not sent to example.com:443 without TLS: only to loopback",
    );
    await using client = connectTo("example.com:443", { tls: false });
    const headers = { authorization: "Bearer secret" };
    const error = await errorOf(client.rpc.unary(NumberService, double, {}, { headers }));
    expect(error).toMatchObject({ kind: "unauthenticated", origin: "client" });
    expect(JSON.stringify(error)).not.toContain("secret");
  });
});
