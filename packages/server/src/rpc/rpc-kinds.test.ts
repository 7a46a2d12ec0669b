import { describe, expect, test } from "@jest/globals";
import { StatusCode } from "@millrace/shared-types";

import { startTestServer } from "../testing/start-test-server.js";
import { chunk, type TestHandlers } from "../testing/test-service.js";
import { outcomeOf, TestClient } from "./testing/test-client.js";

const echo: TestHandlers = {
  one: async (request) => Promise.resolve(chunk(request.offset + 1)),
  async *down(request) {
    for (let n = 0; n < request.offset; n++) yield await Promise.resolve(chunk(n));
  },
  async up(requests) {
    let sum = 0;
    for await (const { offset } of requests) sum += offset;
    return chunk(sum);
  },
  async *both(requests) {
    for await (const { offset } of requests) yield chunk(-offset);
  },
};

describe("each RPC kind", () => {
  test("a unary call gets its response", async () => {
    await using test = await startTestServer(echo);
    using client = new TestClient(test.address);
    expect(await client.one(chunk(41))).toMatchObject({ numbers: [42], code: StatusCode.OK });
  });

  test("a server stream arrives in order and ends", async () => {
    await using test = await startTestServer(echo);
    using client = new TestClient(test.address);
    const { numbers, code } = await outcomeOf(client.down(chunk(1_000)));
    expect(code).toBe(StatusCode.OK);
    expect(numbers).toEqual(Array.from({ length: 1_000 }, (_, n) => n));
  });

  test("an empty server stream is an end and not an error", async () => {
    await using test = await startTestServer(echo);
    using client = new TestClient(test.address);
    expect(await outcomeOf(client.down(chunk(0)))).toMatchObject({ numbers: [], code: StatusCode.OK });
  });

  test("a client stream is read to its half-close", async () => {
    await using test = await startTestServer(echo);
    using client = new TestClient(test.address);
    const up = client.up();
    for (let n = 1; n <= 100; n++) up.write(chunk(n));
    up.end();
    expect(await outcomeOf(up)).toMatchObject({ numbers: [5_050], code: StatusCode.OK });
  });

  test("an empty client stream is answered", async () => {
    await using test = await startTestServer(echo);
    using client = new TestClient(test.address);
    const up = client.up();
    up.end();
    expect(await outcomeOf(up)).toMatchObject({ numbers: [0], code: StatusCode.OK });
  });

  test("a bidirectional stream goes both ways at once", async () => {
    await using test = await startTestServer(echo);
    using client = new TestClient(test.address);
    const both = client.both();
    const answers: number[] = [];
    both.on("data", ({ offset }: { offset: number }) => {
      answers.push(offset);
      if (offset === -10) both.end();
      else both.write(chunk(1 - offset));
    });
    both.write(chunk(1));
    const { code } = await outcomeOf(both);
    expect(code).toBe(StatusCode.OK);
    expect(answers).toEqual([-1, -2, -3, -4, -5, -6, -7, -8, -9, -10]);
  });

  test("an RPC without handler is UNIMPLEMENTED, and so is an RPC that nobody knows", async () => {
    await using test = await startTestServer({ one: async (request) => Promise.resolve(request) });
    using client = new TestClient(test.address);
    expect(await outcomeOf(client.down(chunk(1)))).toMatchObject({ code: StatusCode.UNIMPLEMENTED });
    expect(await client.one(chunk(1), {}, "/test.v1.TestService/Nothing")).toMatchObject({
      code: StatusCode.UNIMPLEMENTED,
    });
  });
});
