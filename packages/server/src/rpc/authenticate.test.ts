import { describe, expect, test } from "@jest/globals";
import { Metadata } from "@grpc/grpc-js";
import { ServiceError, StatusCode } from "@millrace/shared-types";

import { latch } from "../testing/latch.js";
import { RawConnection } from "../testing/raw-connection.js";
import { startTestServer } from "../testing/start-test-server.js";
import { chunk, type TestHandlers } from "../testing/test-service.js";
import type { Authenticate } from "./authenticate.js";
import type { Principal } from "./call-context.js";
import { outcomeOf, TestClient } from "./testing/test-client.js";

const byToken: Authenticate = async ({ headers }) => {
  const id = headers["x-user"];
  if (typeof id !== "string") throw new ServiceError("UNAUTHENTICATED", "who are you?");
  return Promise.resolve({ id });
};

function whoami(): { readonly handlers: TestHandlers; readonly principal: Promise<Principal> } {
  const seen = latch<Principal>();
  const handlers: TestHandlers = {
    one: async (request, { principal }) => {
      seen.open(principal);
      return Promise.resolve(request);
    },
  };
  return { handlers, principal: seen.promise };
}

function headers(entries: Record<string, string>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(entries)) metadata.set(name, value);
  return metadata;
}

describe("authentication", () => {
  test("gives the handler the principal", async () => {
    const { handlers, principal } = whoami();
    await using test = await startTestServer(handlers, { authenticate: byToken });
    using client = new TestClient(test.address);
    const { code } = await client.one(chunk(1), { metadata: headers({ "x-user": "ada" }) });
    expect(code).toBe(StatusCode.OK);
    expect(await principal).toEqual({ id: "ada" });
  });

  test("without a hook everybody is anonymous", async () => {
    const { handlers, principal } = whoami();
    await using test = await startTestServer(handlers);
    using client = new TestClient(test.address);
    await client.one(chunk(1));
    expect(await principal).toEqual({ id: "" });
  });

  test("a refusal reaches the caller with its reason, and no handler runs", async () => {
    let ran = false;
    const handlers: TestHandlers = {
      async *both(requests) {
        ran = true;
        yield* requests;
      },
    };
    await using test = await startTestServer(handlers, { authenticate: byToken });
    using client = new TestClient(test.address);
    const { code, details } = await outcomeOf(client.both());
    expect(code).toBe(StatusCode.UNAUTHENTICATED);
    expect(details.reason).toBe("UNAUTHENTICATED");
    expect(ran).toBe(false);
  });

  test("nothing of the body is looked at before the answer: 3,000 compressed messages are dropped unread", async () => {
    const asked = latch();
    const answer = latch<Principal>();
    let decoded = 0;
    await using test = await startTestServer(
      {
        async *both(requests) {
          for await (const _ of requests) decoded++;
          yield chunk(1);
        },
      },
      {
        authenticate: async () => {
          asked.open();
          await answer.promise;
          throw new ServiceError("UNAUTHENTICATED", "no");
        },
      },
    );
    using raw = await RawConnection.open(test.server.port);
    raw.openCall(1, "/test.v1.TestService/Both", { "grpc-encoding": "gzip" });
    raw.data(1, Buffer.concat(Array.from({ length: 3_000 }, () => Buffer.from([1, 0, 0, 0, 0]))));
    await asked.promise;
    answer.open({ id: "" });
    await raw.callEnded(1);
    expect(decoded).toBe(0);
    expect(test.log.lines.find(({ message }) => message === "call ended")?.fields).toMatchObject({
      code: "UNAUTHENTICATED",
      received: 0,
    });
  });

  test("a hook that hangs is given up, and its signal says so", async () => {
    const gaveUp = latch();
    await using test = await startTestServer(whoami().handlers, {
      timeouts: { authenticateMs: 50 },
      authenticate: async ({ signal }) => {
        signal.addEventListener("abort", () => gaveUp.open());
        return new Promise<Principal>(() => {});
      },
    });
    using client = new TestClient(test.address);
    const { code, details } = await client.one(chunk(1));
    expect(code).toBe(StatusCode.UNAVAILABLE);
    expect(details.reason).toBe("BACKEND_UNAVAILABLE");
    await gaveUp.promise;
  });

  test("a client that goes away while the hook thinks ends the call", async () => {
    const asked = latch<AbortSignal>();
    const handlers: TestHandlers = { up: async () => Promise.resolve(chunk(1)) };
    await using test = await startTestServer(handlers, {
      authenticate: async ({ signal }) => {
        asked.open(signal);
        return new Promise<Principal>(() => {});
      },
    });
    using client = new TestClient(test.address);
    const call = client.up();
    const outcome = outcomeOf(call);
    const signal = await asked.promise;
    call.cancel();
    expect((await outcome).code).toBe(StatusCode.CANCELLED);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
  });

  test("a hook with a bug is INTERNAL and tells the caller nothing", async () => {
    await using test = await startTestServer(whoami().handlers, {
      authenticate: () => {
        throw new Error("secret table is gone");
      },
    });
    using client = new TestClient(test.address);
    expect(await client.one(chunk(1))).toMatchObject({ code: StatusCode.INTERNAL, message: "internal error" });
  });
});
