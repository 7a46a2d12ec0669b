import http2 from "node:http2";
import { once } from "node:events";

import { encodeMessage, FileChunk, type PartialMessage } from "@millrace/shared-types";

/** A gRPC call written frame by frame, to send what no client library would. */
export interface RawCall extends AsyncDisposable {
  /** Writes bytes as they are; resolves when the socket has taken them. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends the request stream properly (END_STREAM). */
  end(): void;
  /** RST_STREAM with an HTTP/2 error code. */
  reset(code: number): void;
  /** Destroys the TCP connection. */
  cut(): void;
  /** The gRPC status the server wrote; `undefined` if the stream ended without one. */
  readonly status: Promise<number | undefined>;
}

/** Opens a call to `path` over a connection of its own. */
export async function openRawCall(port: number, path: string): Promise<RawCall> {
  const session = http2.connect(`http://127.0.0.1:${String(port)}`);
  session.on("error", () => {});
  await once(session, "connect");
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
  });
  const status = grpcStatusOf(stream);
  return {
    write: (bytes) => new Promise((resolve) => stream.write(bytes, () => resolve())),
    end: () => void stream.end(),
    reset: (code) => stream.close(code),
    cut: () => session.destroy(),
    status,
    [Symbol.asyncDispose]: async () => session.destroy(),
  };
}

function grpcStatusOf(stream: http2.ClientHttp2Stream): Promise<number | undefined> {
  return new Promise((resolve) => {
    let status: number | undefined;
    const read = (headers: http2.IncomingHttpHeaders): void => {
      const value = headers["grpc-status"];
      if (value !== undefined) status = Number(value);
    };
    stream.on("response", read).on("trailers", read);
    stream.on("error", () => {});
    stream.on("close", () => resolve(status));
    stream.resume();
  });
}

/** A chunk as gRPC puts it on the wire: flag, length, message. */
export function framedChunk(chunk: PartialMessage<FileChunk>): Buffer {
  return framed(encodeMessage(FileChunk, FileChunk.fromPartial(chunk)));
}

/** Any message bytes with their gRPC prefix. */
export function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.byteLength, 1);
  return Buffer.concat([prefix, message]);
}
