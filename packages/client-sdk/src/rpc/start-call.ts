import { StatusCode } from "@millrace/shared-types";

import type { CallOptions } from "../options.js";
import type { CallScope } from "./call-scope.js";
import { DeferredCall } from "./deferred-call.js";
import { refusedCall } from "./refused-call.js";
import type { RpcCore } from "./rpc-core.js";
import type { HeaderMap, TransportCall } from "./transport.js";

/** Starts one attempt of a call, with credentials if the client has any. */
export function startCall(core: RpcCore, scope: CallScope, options: CallOptions, attempt: number): TransportCall {
  const { auth, transport } = core;
  const { method, deadline, signal } = scope;
  const start = (headers: HeaderMap): TransportCall =>
    transport.start({ path: `/${method}`, headers, ...(deadline !== undefined && { deadline }) });
  if (signal.aborted) return refusedCall(StatusCode.CANCELLED, "cancelled before it began");
  const headers = lowerCased(options.headers ?? {});
  if (auth === undefined) return start(headers);
  return new DeferredCall(async () => {
    const credentials = await auth.getHeaders({ method, attempt, signal });
    return start({ ...lowerCased(credentials), ...headers });
  });
}

function lowerCased(headers: HeaderMap): HeaderMap {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
