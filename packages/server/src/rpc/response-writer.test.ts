import { describe, expect, test } from "@jest/globals";
import { StatusCode } from "@millrace/shared-types";

import { latch } from "../testing/latch.js";
import { grpcFrame, RawConnection } from "../testing/raw-connection.js";
import { startTestServer, type TestServer } from "../testing/start-test-server.js";
import { chunk } from "../testing/test-service.js";
import { MAX_UNWRITTEN_BYTES } from "./response-writer.js";
import { outcomeOf, TestClient } from "./testing/test-client.js";

const DOWN = "/test.v1.TestService/Down";
const CHUNK_BYTES = 64 * 1024;

/** A server whose stream never ends, and the bytes that its handler has made so far. */
async function startSource(timeouts: { readonly writeStallMs?: number; readonly lingerMs?: number } = {}): Promise<{
  readonly test: TestServer;
  readonly madeBytes: () => number;
  readonly stopped: Promise<unknown>;
}> {
  let madeBytes = 0;
  const stopped = latch<unknown>();
  const test = await startTestServer(
    {
      async *down(_request, { signal, resumeFrom }) {
        let n = 0;
        resumeFrom(() => `after-${String(n)}`);
        try {
          for (; ; n++) {
            madeBytes += CHUNK_BYTES;
            yield await Promise.resolve(chunk(n, CHUNK_BYTES));
          }
        } finally {
          stopped.open(signal.reason);
        }
      },
    },
    { timeouts },
  );
  return { test, madeBytes: () => madeBytes, stopped: stopped.promise };
}

/** Waits until `value` is the same for ten turns of the event loop in a row. */
async function settled(value: () => number): Promise<number> {
  for (let same = 0, before = value(); same < 10;) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    same = value() === before ? same + 1 : 0;
    before = value();
  }
  return value();
}

describe("a reader that does not read", () => {
  test("holds the producer at a bound in bytes", async () => {
    const { test, madeBytes } = await startSource();
    await using _ = test;
    using raw = await RawConnection.open(test.server.port, { windowBytes: 0 });
    raw.openCall(1, DOWN);
    raw.data(1, grpcFrame(Buffer.alloc(0)), { end: true });
    const bytes = await settled(madeBytes);
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThanOrEqual(MAX_UNWRITTEN_BYTES + CHUNK_BYTES);
  });

  test("a stock client that pauses costs no more than its windows and our bound", async () => {
    const { test, madeBytes } = await startSource();
    await using _ = test;
    using client = new TestClient(test.address);
    const call = client.down(chunk(1));
    await new Promise((resolve) => call.once("readable", resolve));
    expect(await settled(madeBytes)).toBeLessThan(4 * 1024 * 1024);
    call.cancel();
  });

  test("is cut off after the stall timeout, and everything it held is freed", async () => {
    const { test, stopped } = await startSource({ writeStallMs: 50, lingerMs: 50 });
    await using _ = test;
    using raw = await RawConnection.open(test.server.port, { windowBytes: 0 });
    raw.openCall(1, DOWN);
    raw.data(1, grpcFrame(Buffer.alloc(0)), { end: true });
    expect(await stopped).toMatchObject({
      code: StatusCode.ABORTED,
      reason: "STREAM_STALLED",
      metadata: { stall_timeout_ms: "50", resume_token: "after-3" },
    });
    await raw.callReset(1);
    await test.idle();
  });

  test("that reads again before the reset gets what was on its way, and then why it ended", async () => {
    const { test, stopped } = await startSource({ writeStallMs: 50, lingerMs: 10_000 });
    await using _ = test;
    using client = new TestClient(test.address, { "grpc-node.flow_control_window": 65_535 });
    const call = client.down(chunk(1));
    await new Promise((resolve) => call.once("readable", resolve));
    await stopped;
    const { code, details } = await outcomeOf(call);
    expect(code).toBe(StatusCode.ABORTED);
    expect(details).toMatchObject({ reason: "STREAM_STALLED" });
  });

  test("a hundred stalled readers hold a hundred bounded buffers", async () => {
    const { test, madeBytes } = await startSource();
    await using _ = test;
    using raw = await RawConnection.open(test.server.port, { windowBytes: 0 });
    for (let n = 0; n < 100; n++) {
      raw.openCall(2 * n + 1, DOWN);
      raw.data(2 * n + 1, grpcFrame(Buffer.alloc(0)), { end: true });
    }
    const bytes = await settled(madeBytes);
    expect(test.server.stats().handlers).toBe(100);
    expect(bytes).toBeLessThanOrEqual(100 * (MAX_UNWRITTEN_BYTES + CHUNK_BYTES));
    raw.socket.destroy();
    await test.server.close();
    expect(test.server.stats()).toMatchObject({ calls: 0, handlers: 0 });
  });
});

test("one message larger than the bound goes out alone", async () => {
  await using test = await startTestServer({
    async *down() {
      for (let n = 0; n < 3; n++) yield await Promise.resolve(chunk(n, 4 * MAX_UNWRITTEN_BYTES));
    },
  });
  using client = new TestClient(test.address);
  expect(await outcomeOf(client.down(chunk(1)))).toMatchObject({ numbers: [0, 1, 2], code: StatusCode.OK });
});

test("a response above the message limit is RESOURCE_EXHAUSTED, and the handler is told", async () => {
  const stopped = latch();
  await using test = await startTestServer(
    {
      async *down() {
        try {
          for (;;) yield await Promise.resolve(chunk(1, 20_000));
        } finally {
          stopped.open();
        }
      },
    },
    { limits: { maxMessageBytes: 10_000 } },
  );
  using client = new TestClient(test.address);
  expect((await outcomeOf(client.down(chunk(1)))).code).toBe(StatusCode.RESOURCE_EXHAUSTED);
  await stopped.promise;
});
