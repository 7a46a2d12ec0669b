import { createHash, randomBytes, randomInt } from "node:crypto";

import { credentials } from "@grpc/grpc-js";
import { describe, expect, test } from "@jest/globals";
import { encodeMessage, FileChunk, StatusCode } from "@millrace/shared-types";

import { startTestServer } from "../testing/start-test-server.js";
import { TEST_CERTIFICATE } from "../testing/test-certificate.js";
import { chunk } from "../testing/test-service.js";
import { FramedMessage } from "./framed-message.js";
import { outcomeOf, TestClient } from "./testing/test-client.js";

const { cert, key } = TEST_CERTIFICATE;

describe("the frame of a message", () => {
  const frameOf = (frame: Buffer): FramedMessage => {
    const message = new FramedMessage(encodeMessage(FileChunk, chunk(1, 10)));
    message.copy(frame, 5);
    return message;
  };

  test("gives its memory back when it is released", () => {
    const frame = Buffer.allocUnsafeSlow(64 * 1024);
    const message = frameOf(frame);
    expect(frame.byteLength).toBe(64 * 1024);
    message.release();
    expect(frame.byteLength).toBe(0);
    message.release();
  });

  test.each([
    ["it is a part of what others use, too", Buffer.allocUnsafeSlow(64 * 1024).subarray(1)],
    ["it is small", Buffer.allocUnsafeSlow(1024)],
  ])("keeps it if %s", (_, frame) => {
    const { byteLength } = frame;
    frameOf(frame).release();
    expect(frame.byteLength).toBe(byteLength);
  });

  test("may never have been made", () => {
    const message = new FramedMessage(Buffer.alloc(1));
    expect(() => {
      message.release();
    }).not.toThrow();
  });
});

describe.each([
  ["without TLS", {}, credentials.createInsecure()],
  ["with TLS", { tls: { cert, key } }, credentials.createSsl(Buffer.from(cert))],
])("large messages %s", (_, options, channelCredentials) => {
  /** Of sizes around those of HTTP/2 frames and of what is given back. */
  const contents = Array.from({ length: 400 }, (_each, n) => randomBytes(n % 10 === 0 ? 300_000 : randomInt(40_000)));
  const sums = contents.map(sumOf);

  test("arrive as they were sent at a client that stops reading again and again, and at others meanwhile", async () => {
    await using server = await startTestServer({ down }, options);
    const [slow, fast] = await Promise.all([received(server.address, 10), received(server.address, 0)]);
    expect(slow).toEqual(sums);
    expect(fast).toEqual(sums);
  });

  test("that a client breaks off do no harm to those of others", async () => {
    await using server = await startTestServer({ down }, options);
    const whole = received(server.address, 50);
    for (let n = 0; n < 20; n++) {
      using client = new TestClient(server.address, {}, channelCredentials);
      const call = client.down(chunk(1));
      let left = n;
      call.on("data", () => left-- > 0 || call.cancel());
      expect((await outcomeOf(call)).code).toBe(StatusCode.CANCELLED);
    }
    expect(await whole).toEqual(sums);
  });

  async function* down(): AsyncGenerator<FileChunk> {
    for (const content of contents) yield await Promise.resolve({ ...chunk(1), content });
  }

  /** Checksums of what comes; after so many messages the client stops for a turn of the event loop. */
  async function received(address: string, pauseEvery: number): Promise<string[]> {
    using client = new TestClient(address, {}, channelCredentials);
    const call = client.down(chunk(1));
    const found: string[] = [];
    call.on("data", ({ content }: FileChunk) => {
      found.push(sumOf(content));
      if (pauseEvery === 0 || found.length % pauseEvery > 0) return;
      call.pause();
      setImmediate(() => call.resume());
    });
    expect((await outcomeOf(call)).code).toBe(StatusCode.OK);
    return found;
  }
});

function sumOf(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
