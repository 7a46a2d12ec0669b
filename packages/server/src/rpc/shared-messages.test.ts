import { randomBytes, randomInt } from "node:crypto";

import { describe, expect, test } from "@jest/globals";
import { type EncodedMessage, EncodedMessages, encodeMessage, FileChunk, StatusCode } from "@millrace/shared-types";

import { grpcFrame, RawConnection } from "../testing/raw-connection.js";
import { startTestServer } from "../testing/start-test-server.js";
import { chunk } from "../testing/test-service.js";
import { MessageFrame } from "./message-frame.js";
import { PackedMessages, packsOf } from "./packed-messages.js";
import { SharedMessages } from "./shared-messages.js";
import { outcomeOf, TestClient } from "./testing/test-client.js";

const CALLS = 20;

/** Runs of messages that all calls of a test send, with sizes around those of packs and of HTTP/2 frames. */
function sharedRuns(): readonly SharedMessages[] {
  let number = 0;
  const message = (): Uint8Array => {
    const content = randomBytes(randomInt(50) === 0 ? randomInt(200_000) : randomInt(400));
    return encodeMessage(FileChunk, { ...chunk(number++), content });
  };
  return Array.from({ length: 30 }, () => new SharedMessages(Array.from({ length: randomInt(1, 150) }, message)));
}

const bytesOf = (runs: readonly EncodedMessages[]): string[] =>
  runs.flatMap((run) => run.toBytes().map((bytes) => Buffer.from(bytes).toString("hex")));

async function received(client: TestClient): Promise<string[]> {
  const call = client.down(chunk(1));
  const messages: string[] = [];
  call.on("data", (message: FileChunk) => messages.push(encodeMessage(FileChunk, message).toString("hex")));
  expect((await outcomeOf(call)).code).toBe(StatusCode.OK);
  return messages;
}

describe("messages that many calls send", () => {
  test.each([
    ["after the headers", true],
    ["before anything else was sent", false],
  ])("arrive whole and in order at each, %s", async (_, headersFirst) => {
    const runs = sharedRuns();
    await using server = await startTestServer({
      async *down(_request, { sendHeaders }) {
        if (headersFirst) sendHeaders();
        for (const run of runs) yield await Promise.resolve(run);
      },
    });
    using client = new TestClient(server.address);
    const expected = bytesOf(runs);
    const all = await Promise.all(Array.from({ length: CALLS }, () => received(client)));
    for (const messages of all) expect(messages).toEqual(expected);
  });

  test("mix with those of one call alone", async () => {
    const shared = new SharedMessages([encodeMessage(FileChunk, chunk(1)), encodeMessage(FileChunk, chunk(2))]);
    await using server = await startTestServer({
      async *down({ offset }) {
        for (let n = 0; n < 3; n++) {
          yield chunk(offset);
          yield shared;
          yield new EncodedMessages([encodeMessage(FileChunk, chunk(offset + 1))]);
          yield await Promise.resolve(shared);
        }
      },
    });
    using client = new TestClient(server.address);
    const calls = [10, 20, 30].map((offset) => outcomeOf(client.down(chunk(offset))));
    for (const [index, { numbers, code }] of (await Promise.all(calls)).entries()) {
      const offset = (index + 1) * 10;
      const once = [offset, 1, 2, offset + 1, 1, 2];
      expect({ numbers, code }).toEqual({ numbers: [...once, ...once, ...once], code: StatusCode.OK });
    }
  });

  test("reach the others when one client takes none of them, and one breaks off", async () => {
    const runs = sharedRuns();
    await using server = await startTestServer({
      async *down(_request, { sendHeaders }) {
        sendHeaders();
        for (const run of runs) yield await Promise.resolve(run);
      },
    });
    using stalled = await RawConnection.open(server.server.port, { windowBytes: 0 });
    stalled.openCall(1, "/test.v1.TestService/Down");
    stalled.data(1, grpcFrame(Buffer.alloc(0)), { end: true });
    using leaving = new TestClient(server.address);
    const cancelled = leaving.down(chunk(1));
    cancelled.once("data", () => cancelled.cancel());
    using client = new TestClient(server.address);
    const [outcome, ...all] = await Promise.all([outcomeOf(cancelled), received(client), received(client)]);
    expect(outcome.code).toBe(StatusCode.CANCELLED);
    for (const messages of all) expect(messages).toEqual(bytesOf(runs));
  });
});

describe("shared messages", () => {
  const messages = [Buffer.from("one"), Buffer.alloc(0), Buffer.from("three")];

  test("are laid out for the second call that sends them, and not again", () => {
    const shared = new SharedMessages(messages);
    expect(shared.packs()[0]).toBeInstanceOf(PackedMessages);
    const frames = shared.packs();
    expect(frames[0]).toBeInstanceOf(MessageFrame);
    expect(shared.packs()).toBe(frames);
  });

  test("are the same bytes in a frame as in a pack", () => {
    const [pack] = packsOf(messages) as [PackedMessages];
    const frame = new MessageFrame(pack);
    const copied = ({ byteLength, copy }: EncodedMessage, of: EncodedMessage): Buffer => {
      const target = Buffer.alloc(5 + byteLength);
      expect(copy.call(of, target, 5)).toBe(byteLength);
      return target;
    };
    expect(copied(frame, frame)).toEqual(copied(pack, pack));
    expect(frame).toMatchObject({ count: 3, byteLength: pack.byteLength, length: pack.length });
    expect(Buffer.from(frame.bytes)).toEqual(Buffer.concat(messages.map((message) => grpcFrame(message))));
  });
});
