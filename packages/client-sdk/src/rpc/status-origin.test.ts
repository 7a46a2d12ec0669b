import http2 from "node:http2";
import { once } from "node:events";

import { describe, expect, it } from "@jest/globals";

import { connectTo, errorOf, NumberService } from "./tiny-server.test.support.js";

const { double } = NumberService.methods;

type Answer = (stream: http2.ServerHttp2Stream) => void;

/** A server that speaks HTTP/2 but not gRPC. */
async function startHttp2Server(answer: Answer): Promise<AsyncDisposable & { readonly target: string }> {
  const sessions = new Set<http2.ServerHttp2Session>();
  const server = http2.createServer();
  server.on("session", (session) => sessions.add(session));
  server.on("stream", (stream) => {
    stream.on("error", () => undefined);
    answer(stream);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  return {
    target: `127.0.0.1:${String(port)}`,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

const grpc = { ":status": 200, "content-type": "application/grpc" };

describe("the origin of an error", () => {
  it.each<[string, string, string, Answer]>([
    ["a reset with CANCEL", "cancelled", "transport", (stream) => stream.close(http2.constants.NGHTTP2_CANCEL)],
    [
      "a reset with INTERNAL_ERROR",
      "internal",
      "transport",
      (stream) => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR),
    ],
    ["a refused stream", "unavailable", "transport", (stream) => stream.close(http2.constants.NGHTTP2_REFUSED_STREAM)],
    [
      "ENHANCE_YOUR_CALM",
      "resource-exhausted",
      "transport",
      (stream) => stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM),
    ],
    ["a lost connection", "unavailable", "transport", (stream) => stream.session?.socket.destroy()],
    [
      "a 502 of a proxy",
      "unavailable",
      "transport",
      (stream) => {
        stream.respond({ ":status": 502, "content-type": "text/html" });
        stream.end("<html>bad gateway</html>");
      },
    ],
    [
      "an end without a status",
      "unknown",
      "transport",
      (stream) => stream.respond({ ...grpc, ":status": 200 }, { endStream: true }),
    ],
    [
      "a status in trailers",
      "internal",
      "server",
      (stream) => {
        stream.respond(grpc, { waitForTrailers: true });
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "13", "grpc-message": "broken" }));
        stream.end();
      },
    ],
    [
      "a status without a response",
      "not-found",
      "server",
      (stream) => stream.respond({ ...grpc, "grpc-status": "5" }, { endStream: true }),
    ],
  ])("%s: %s, of the %s", async (_name, kind, origin, answer) => {
    await using server = await startHttp2Server(answer);
    await using client = connectTo(server.target);
    expect(await errorOf(client.rpc.unary(NumberService, double, {}))).toMatchObject({ kind, origin });
  });
});
