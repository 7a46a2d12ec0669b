import { Metadata } from "@grpc/grpc-js";
import { describe, expect, test } from "@jest/globals";
import { ServiceError, StatusCode } from "@millrace/shared-types";

import { type Latch, latch } from "../testing/latch.js";
import { startTestServer } from "../testing/start-test-server.js";
import { chunk, type TestHandlers } from "../testing/test-service.js";
import type { CallContext } from "./call-context.js";
import { outcomeOf, type TestCallOptions, TestClient } from "./testing/test-client.js";

interface Watched {
  readonly handlers: TestHandlers;
  /** The handler has begun. */
  readonly begun: Latch<CallContext>;
  /** The handler's `finally` has run. */
  readonly stopped: Latch<unknown>;
}

/** Handlers that go on until their signal aborts. */
function endless(): Watched {
  const begun = latch<CallContext>();
  const stopped = latch<unknown>();
  const untilAborted = async ({ signal }: CallContext): Promise<never> =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
  const run = async (context: CallContext): Promise<never> => {
    begun.open(context);
    try {
      return await untilAborted(context);
    } finally {
      stopped.open(context.signal.reason);
    }
  };
  const handlers: TestHandlers = {
    one: async (_request, context) => run(context),
    async *down(_request, context) {
      yield chunk(1);
      await run(context);
    },
    up: async (_requests, context) => run(context),
    async *both(_requests, context) {
      yield chunk(1);
      await run(context);
    },
  };
  return { handlers, begun, stopped };
}

const KINDS = ["down", "up", "both"] as const;

function open(
  client: TestClient,
  kind: (typeof KINDS)[number],
  options: TestCallOptions = {},
): ReturnType<TestClient["both"]> {
  return kind === "down" ? (client.down(chunk(1), options) as ReturnType<TestClient["both"]>) : client[kind](options);
}

/** A deadline that only the server keeps: a client with a timer of its own would reset the stream at the same moment. */
function deadlineAtServer(timeoutMs: number): TestCallOptions {
  const metadata = new Metadata();
  metadata.set("grpc-timeout", `${String(timeoutMs)}m`);
  return { metadata };
}

describe("how a call ends", () => {
  test.each(KINDS)("cancelling a %s stream aborts its handler's signal and runs its finally", async (kind) => {
    const { handlers, begun, stopped } = endless();
    await using test = await startTestServer(handlers);
    using client = new TestClient(test.address);
    const call = open(client, kind);
    const outcome = outcomeOf(call);
    const context = await begun.promise;
    call.cancel();
    expect(await stopped.promise).toMatchObject({ code: StatusCode.CANCELLED });
    expect((await outcome).code).toBe(StatusCode.CANCELLED);
    if (!context.done.aborted) await new Promise((resolve) => context.done.addEventListener("abort", resolve));
    await test.server.close();
    expect(test.server.stats()).toMatchObject({ calls: 0, handlers: 0, connections: 0 });
    expect(test.clock.timers).toBe(0);
  });

  test.each(KINDS)("the deadline of a %s stream aborts its handler's signal", async (kind) => {
    const { handlers, stopped } = endless();
    await using test = await startTestServer(handlers);
    using client = new TestClient(test.address);
    const outcome = outcomeOf(open(client, kind, deadlineAtServer(200)));
    expect(await stopped.promise).toMatchObject({ code: StatusCode.DEADLINE_EXCEEDED });
    expect((await outcome).code).toBe(StatusCode.DEADLINE_EXCEEDED);
  });

  test("a unary call's deadline aborts its handler's signal", async () => {
    const { handlers, stopped } = endless();
    await using test = await startTestServer(handlers);
    using client = new TestClient(test.address);
    const outcome = client.one(chunk(1), deadlineAtServer(200));
    expect(await stopped.promise).toMatchObject({ code: StatusCode.DEADLINE_EXCEEDED });
    expect((await outcome).code).toBe(StatusCode.DEADLINE_EXCEEDED);
  });

  test("a call that ends well does not abort its signal, but its done", async () => {
    const seen = latch<CallContext>();
    await using test = await startTestServer({
      one: async (_request, context) => {
        seen.open(context);
        return Promise.resolve(chunk(1));
      },
    });
    using client = new TestClient(test.address);
    await client.one(chunk(1));
    await test.server.close();
    const { signal, done } = await seen.promise;
    expect([signal.aborted, done.aborted]).toEqual([false, true]);
  });

  test("a handler that only notices at its next yield is stopped there", async () => {
    const stopped = latch();
    await using test = await startTestServer({
      async *down() {
        try {
          for (let n = 0; ; n++) yield await Promise.resolve(chunk(n));
        } finally {
          stopped.open();
        }
      },
    });
    using client = new TestClient(test.address);
    const call = client.down(chunk(1));
    call.once("data", () => call.cancel());
    expect((await outcomeOf(call)).code).toBe(StatusCode.CANCELLED);
    await stopped.promise;
  });

  test("a handler that ignores its signal holds up neither the status nor the close of the server", async () => {
    const release = latch();
    const test = await startTestServer(
      {
        async *down() {
          yield chunk(1);
          await release.promise;
        },
      },
      { timeouts: { handlerStopMs: 50 } },
    );
    using client = new TestClient(test.address);
    const call = client.down(chunk(1));
    const outcome = outcomeOf(call);
    await new Promise((resolve) => call.once("data", resolve));
    await test.server.close();
    expect(await outcome).toMatchObject({ numbers: [1], code: StatusCode.UNAVAILABLE });
    expect(test.server.stats().handlers).toBe(1);
    expect(test.log.atLeast("error")).toMatchObject([{ message: "the handler did not stop when its call ended" }]);
    release.open();
  });
});

describe("what a handler throws", () => {
  test("a ServiceError reaches the caller with code, reason, message and facts", async () => {
    await using test = await startTestServer({
      one: async () => {
        const metadata = { committed_size: 7 };
        return Promise.reject(
          new ServiceError("UPLOAD_OFFSET_MISMATCH", "expected 7", { metadata, retryAfterMs: 250 }),
        );
      },
    });
    using client = new TestClient(test.address);
    const { code, message, details, trailers } = await client.one(chunk(1));
    expect({ code, message }).toEqual({ code: StatusCode.OUT_OF_RANGE, message: "expected 7" });
    expect(details).toMatchObject({
      reason: "UPLOAD_OFFSET_MISMATCH",
      domain: "streaming.v1",
      metadata: { committed_size: "7" },
      retryAfterMs: 250,
    });
    expect(trailers.get("x-request-id")).toHaveLength(1);
  });

  test("anything unforeseen is INTERNAL with an id, and only the log knows more", async () => {
    await using test = await startTestServer({
      one: async () => Promise.reject(new Error("password is hunter2")),
    });
    using client = new TestClient(test.address);
    const { code, message, details, trailers } = await client.one(chunk(1));
    expect({ code, message, reason: details.reason }).toEqual({
      code: StatusCode.INTERNAL,
      message: "internal error",
      reason: "INTERNAL",
    });
    const [errorId] = trailers.get("x-request-id");
    expect(details.metadata).toEqual({ error_id: errorId });
    expect(JSON.stringify(details)).not.toContain("hunter2");
    const [line] = test.log.atLeast("error");
    expect(line?.fields).toMatchObject({ requestId: errorId, err: { message: "password is hunter2" } });
  });

  test.each(["one", "down", "up", "both"] as const)(
    "a %s handler that throws leaves the server serving",
    async (kind) => {
      const fail = (): never => {
        throw new Error("at once");
      };
      await using test = await startTestServer({ one: fail, down: fail, up: fail, both: fail });
      using client = new TestClient(test.address);
      const call = async (): Promise<number> =>
        (kind === "one" ? await client.one(chunk(1)) : await outcomeOf(open(client, kind))).code;
      expect(await call()).toBe(StatusCode.INTERNAL);
      expect(await call()).toBe(StatusCode.INTERNAL);
    },
  );

  test("an error in the middle of a stream comes after the messages before it", async () => {
    await using test = await startTestServer({
      async *down() {
        for (let n = 0; n < 100; n++) yield await Promise.resolve(chunk(n, 10_000));
        throw new ServiceError("CORRUPT_DATA", "at 1000000");
      },
    });
    using client = new TestClient(test.address);
    const { numbers, code } = await outcomeOf(client.down(chunk(1)));
    expect(numbers).toHaveLength(100);
    expect(code).toBe(StatusCode.DATA_LOSS);
  });

  test("half a surrogate pair in a message after the headers were sent does not end the process", async () => {
    await using test = await startTestServer({
      async *down() {
        yield await Promise.resolve(chunk(1));
        throw new ServiceError("INVALID_FIELD", "name: 😀".slice(0, -1));
      },
    });
    using client = new TestClient(test.address);
    const { code, message } = await outcomeOf(client.down(chunk(1)));
    expect(code).toBe(StatusCode.INVALID_ARGUMENT);
    expect(message).toBe("name: \ufffd");
  });

  test("a very long message is cut", async () => {
    await using test = await startTestServer({
      one: async () => Promise.reject(new ServiceError("INVALID_FIELD", "x".repeat(100_000))),
    });
    using client = new TestClient(test.address);
    const { code, message } = await client.one(chunk(1));
    expect(code).toBe(StatusCode.INVALID_ARGUMENT);
    expect(message).toHaveLength(1_024);
  });

  test("a response that cannot be encoded is INTERNAL", async () => {
    await using test = await startTestServer({ one: async () => Promise.resolve(undefined as never) });
    using client = new TestClient(test.address);
    expect((await client.one(chunk(1))).code).toBe(StatusCode.INTERNAL);
  });

  test("trailers that HTTP/2 does not allow are left out", async () => {
    await using test = await startTestServer({
      one: async (_request, { trailers }) => {
        trailers["x-good"] = "yes";
        trailers["x-bad"] = "line\nbreak";
        return Promise.resolve(chunk(1));
      },
    });
    using client = new TestClient(test.address);
    const { code, trailers } = await client.one(chunk(1));
    expect(code).toBe(StatusCode.OK);
    expect(trailers.get("x-good")).toEqual(["yes"]);
    expect(trailers.get("x-bad")).toEqual([]);
  });
});
