import type { CallContext, HeaderMap, Principal } from "./call-context.js";
import { headersOf, toMetadata } from "./header-map.js";
import type { LiveCall } from "./live-call.js";

/** What the handler of `call` gets to know. */
export function openCallContext(call: LiveCall, principal: Principal): CallContext {
  const { wire, method } = call;
  return {
    method: method.path,
    kind: method.kind,
    requestId: call.requestId,
    peer: wire.peer,
    principal,
    headers: headersOf(wire.metadata),
    deadline: Number.isFinite(wire.deadlineMs) ? new Date(wire.deadlineMs) : undefined,
    signal: call.signal,
    get draining() {
      return call.draining;
    },
    done: call.done,
    log: call.log,
    trailers: call.trailers,
    sendHeaders: (headers: HeaderMap = {}) => wire.sendHeaders(toMetadata(headers)),
    resumeFrom: (position) => {
      call.resumePosition = position;
    },
  };
}
