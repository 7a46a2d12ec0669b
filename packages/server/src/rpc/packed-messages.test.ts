import { randomInt } from "node:crypto";

import { describe, expect, test } from "@jest/globals";
import { EncodedMessages, encodeMessage, FileChunk, StatusCode } from "@millrace/shared-types";

import { startTestServer } from "../testing/start-test-server.js";
import { chunk } from "../testing/test-service.js";
import { packLength } from "./packed-messages.js";
import { outcomeOf, TestClient } from "./testing/test-client.js";

const encoded = (n: number, weightBytes: number): Uint8Array => encodeMessage(FileChunk, chunk(n, weightBytes));

describe("messages that are serialized already", () => {
  test("arrive one by one at a stock client, whatever their sizes and however they are grouped", async () => {
    const sizes = Array.from({ length: 3000 }, (_, n) => (n % 100 === 0 ? randomInt(200_000) : randomInt(300)));
    await using test = await startTestServer({
      async *down() {
        for (let at = 0; at < sizes.length;) {
          const group = sizes.slice(at, at + randomInt(1, 200));
          const start = at;
          at += group.length;
          yield await Promise.resolve(new EncodedMessages(group.map((size, index) => encoded(start + index, size))));
        }
      },
    });
    using client = new TestClient(test.address);
    const call = client.down(chunk(1));
    const weights: number[] = [];
    call.on("data", (message: FileChunk) => weights.push(message.content.byteLength));
    const { numbers, code } = await outcomeOf(call);
    expect(code).toBe(StatusCode.OK);
    expect(numbers).toEqual(sizes.map((_, n) => n));
    expect(weights).toEqual(sizes);
  });

  test("mix with messages that are not, and with empty groups and empty messages", async () => {
    await using test = await startTestServer({
      async *both(requests) {
        for await (const { offset } of requests) {
          yield chunk(offset);
          yield new EncodedMessages([]);
          yield new EncodedMessages([new Uint8Array(0), encoded(offset + 1, 10)]);
        }
      },
    });
    using client = new TestClient(test.address);
    const call = client.both();
    call.write(chunk(5));
    call.end();
    expect(await outcomeOf(call)).toMatchObject({ numbers: [5, 0, 6], code: StatusCode.OK });
  });
});

describe("a pack", () => {
  const sized = (...sizes: number[]): Uint8Array[] => sizes.map((size) => new Uint8Array(size));

  test.each([
    ["ends before it is larger than 64 KiB", sized(60_000, 5_000, 5_000), 2],
    ["holds one message that is larger", sized(100_000, 1), 1],
    ["holds 64 messages at most", sized(...Array.from({ length: 100 }, () => 1)), 64],
    ["ends with the messages", sized(1, 2), 2],
  ])("%s", (_, messages, expected) => {
    expect(packLength(messages, 0)).toBe(expected);
  });
});
