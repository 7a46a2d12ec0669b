import type { Http2SecureServer, Http2Server, ServerHttp2Stream, ServerOptions } from "node:http2";

import type { Server, ServerInterceptingCallInterface } from "@grpc/grpc-js";

/*
 * All that this package touches behind the public face of grpc-js 1.14.7. Each accessor
 * checks the shape it finds and gives `undefined` if a later version has another;
 * `grpc-internals.test.ts` then says so before a user does.
 */

/** The options of the HTTP/2 servers that `server` will create. Writable; there is no public way for plaintext. */
export function http2OptionsOf(server: Server): ServerOptions | undefined {
  const options: unknown = Reflect.get(server, "commonServerOptions");
  return isObject(options) ? options : undefined;
}

/** The HTTP/2 servers that `server` has created. */
export function http2ServersOf(server: Server): readonly (Http2Server | Http2SecureServer)[] | undefined {
  const servers: unknown = Reflect.get(server, "http2Servers");
  return servers instanceof Map ? [...(servers as Map<Http2Server | Http2SecureServer, unknown>).keys()] : undefined;
}

/** The HTTP/2 stream that carries `call`. */
export function http2StreamOf(call: ServerInterceptingCallInterface): ServerHttp2Stream | undefined {
  const stream: unknown = Reflect.get(call, "stream");
  return isObject(stream) && "rstCode" in stream ? (stream as unknown as ServerHttp2Stream) : undefined;
}

/**
 * Whether bytes of an unfinished message have arrived. At the end of the requests this means that the
 * last message was cut, which grpc-js drops in silence.
 */
export function holdsPartialMessage(call: ServerInterceptingCallInterface): boolean | undefined {
  const decoder: unknown = Reflect.get(call, "decoder");
  if (!isObject(decoder)) return undefined;
  const state: unknown = Reflect.get(decoder, "readState");
  return typeof state === "number" ? state !== 0 : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
