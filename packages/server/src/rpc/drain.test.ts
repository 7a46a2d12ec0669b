import { describe, expect, test } from "@jest/globals";
import { StatusCode } from "@millrace/shared-types";

import { latch } from "../testing/latch.js";
import { openResources, untilReleased } from "../testing/leak-guard.js";
import { startTestServer } from "../testing/start-test-server.js";
import { chunk, type TestHandlers } from "../testing/test-service.js";
import { outcomeOf, TestClient } from "./testing/test-client.js";

/** A stream that has sent one message and then waits for ever, and says where to resume. */
const waiting: TestHandlers = {
  async *down(_request, { signal, resumeFrom }) {
    resumeFrom(() => "token-1");
    yield chunk(1);
    await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
  },
};

describe("drain", () => {
  test("ends a stream with DRAINING, the position to resume from and when to come back", async () => {
    await using test = await startTestServer(waiting);
    using client = new TestClient(test.address);
    const call = client.down(chunk(1));
    const outcome = outcomeOf(call);
    await new Promise((resolve) => call.once("data", resolve));
    await test.server.drain();
    const { numbers, code, details } = await outcome;
    expect({ numbers, code }).toEqual({ numbers: [1], code: StatusCode.UNAVAILABLE });
    expect(details).toMatchObject({ reason: "DRAINING", metadata: { resume_token: "token-1" } });
    expect(details.retryAfterMs).toBeGreaterThan(0);
    expect(test.server.stats()).toMatchObject({ calls: 0, handlers: 0, draining: true });
  });

  test("a hundred streams all hear UNAVAILABLE from us, never CANCELLED from the transport", async () => {
    await using test = await startTestServer(waiting);
    const clients = Array.from({ length: 4 }, () => new TestClient(test.address));
    const calls = clients.flatMap((client) => Array.from({ length: 25 }, () => client.down(chunk(1))));
    const outcomes = calls.map((call) => outcomeOf(call));
    await Promise.all(calls.map((call) => new Promise((resolve) => call.once("data", resolve))));
    await test.server.close();
    const codes = new Set((await Promise.all(outcomes)).map(({ details }) => details.reason));
    expect([...codes]).toEqual(["DRAINING"]);
    for (const client of clients) client.close();
  });

  test("gives a stream that asks for it time to tell its client, and then ends it like all others", async () => {
    await using test = await startTestServer({
      async *down(_request, { draining, signal }) {
        yield chunk(1);
        await new Promise((resolve) => draining.addEventListener("abort", resolve));
        signal.throwIfAborted();
        yield chunk(2);
        await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
      },
    });
    using client = new TestClient(test.address);
    const call = client.down(chunk(1));
    const outcome = outcomeOf(call);
    await new Promise((resolve) => call.once("data", resolve));
    await test.server.drain();
    expect(await outcome).toMatchObject({ numbers: [1, 2], details: { reason: "DRAINING" } });
  });

  test("lets a unary call finish", async () => {
    const begun = latch();
    const finish = latch();
    await using test = await startTestServer({
      one: async () => {
        begun.open();
        await finish.promise;
        return chunk(42);
      },
    });
    using client = new TestClient(test.address);
    const outcome = client.one(chunk(1));
    await begun.promise;
    const drained = test.server.drain();
    finish.open();
    expect(await outcome).toMatchObject({ numbers: [42], code: StatusCode.OK });
    await drained;
  });

  test("does not wait longer than its grace for a unary call", async () => {
    const begun = latch();
    await using test = await startTestServer(
      {
        one: async (_request, { signal }) => {
          begun.open();
          return new Promise((_resolve, reject) =>
            signal.addEventListener("abort", () => reject(signal.reason as Error)),
          );
        },
      },
      { timeouts: { drainGraceMs: 50 } },
    );
    using client = new TestClient(test.address);
    const outcome = client.one(chunk(1));
    await begun.promise;
    await test.server.drain();
    expect(await outcome).toMatchObject({ code: StatusCode.UNAVAILABLE });
  });

  test("refuses calls that come later, with the reason", async () => {
    await using test = await startTestServer({ one: async (request) => Promise.resolve(request) });
    using client = new TestClient(test.address);
    expect((await client.one(chunk(1))).code).toBe(StatusCode.OK);
    await test.server.drain();
    const { code, details } = await client.one(chunk(1));
    expect(code).toBe(StatusCode.UNAVAILABLE);
    expect(details).toMatchObject({ reason: "DRAINING" });
  });

  test("twice is once", async () => {
    await using test = await startTestServer(waiting);
    expect(test.server.drain()).toBe(test.server.drain());
    expect(test.server.close()).toBe(test.server.close());
    await test.server.close();
  });
});

describe("close", () => {
  test("leaves no call, handler, timer, socket or listener, and frees the port", async () => {
    const before = openResources();
    const test = await startTestServer(waiting);
    const client = new TestClient(test.address);
    const call = client.down(chunk(1));
    const outcome = outcomeOf(call);
    await new Promise((resolve) => call.once("data", resolve));
    const { port } = test.server;
    await test.server.close();
    await outcome;
    client.close();
    expect(test.server.stats()).toMatchObject({ calls: 0, handlers: 0, connections: 0 });
    expect(test.clock.timers).toBe(0);
    await untilReleased(before);
    await using again = await startTestServer(waiting, { port });
    expect(again.server.port).toBe(port);
  });

  test("calls onClosed once, after the last call has ended", async () => {
    const order: string[] = [];
    const test = await startTestServer(
      {
        async *down(_request, { signal }) {
          try {
            yield chunk(1);
            await new Promise((_resolve, reject) => signal.addEventListener("abort", reject));
          } finally {
            order.push("handler stopped");
          }
        },
      },
      { onClosed: async () => void order.push(await Promise.resolve("closed")) },
    );
    using client = new TestClient(test.address);
    const call = client.down(chunk(1));
    await new Promise((resolve) => call.once("data", resolve));
    await Promise.all([test.server.close(), test.server.close()]);
    expect(order).toEqual(["handler stopped", "closed"]);
  });
});

describe("kill", () => {
  test("cuts a drain short, and the client sees that it can try again", async () => {
    const begun = latch<AbortSignal>();
    const test = await startTestServer(
      {
        one: async (_request, { signal }) => {
          begun.open(signal);
          return new Promise((_resolve, reject) =>
            signal.addEventListener("abort", () => reject(signal.reason as Error)),
          );
        },
      },
      { timeouts: { drainGraceMs: 3_600_000 } },
    );
    using client = new TestClient(test.address);
    const outcome = client.one(chunk(1));
    await begun.promise;
    const drained = test.server.drain();
    await test.server.kill();
    await drained;
    expect((await outcome).code).toBe(StatusCode.UNAVAILABLE);
    expect(test.server.stats()).toMatchObject({ calls: 0, handlers: 0, connections: 0 });
    expect(test.clock.timers).toBe(0);
  });
});
