import type { StatusCode } from "@millrace/shared-types";

import type { TransportCall } from "./transport.js";

/** A call that ended before it reached a connection. */
export function refusedCall(code: StatusCode, message: string, cause?: unknown): TransportCall {
  const status = { code, message, trailers: {}, origin: "client", ...(cause !== undefined && { cause }) } as const;
  return {
    headers: Promise.resolve({}),
    status: Promise.resolve(status),
    peer: () => undefined,
    send: () => Promise.resolve(),
    halfClose: () => undefined,
    receive: () => Promise.resolve(undefined),
    cancel: () => undefined,
  };
}
