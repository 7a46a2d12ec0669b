import type { CallContext } from "../rpc/call-context.js";
import { silentLogger } from "../rpc/logger.js";

/** Context of a unary call. */
export function contextOf(user = ""): CallContext {
  return callOf(user, "unary").context;
}

/** A call without a wire, and what the runtime does to it. */
export interface TestCall {
  readonly context: CallContext;
  readonly abort: AbortController;
  readonly draining: AbortController;
  readonly headersSent: Promise<void>;
}

export function callOf(user: string, kind: CallContext["kind"]): TestCall {
  const abort = new AbortController();
  const draining = new AbortController();
  const headers = Promise.withResolvers<void>();
  const context: CallContext = {
    method: "/streaming.v1.ChatService/Test",
    kind,
    requestId: "r1",
    peer: "test",
    principal: { id: user },
    headers: {},
    deadline: undefined,
    signal: abort.signal,
    draining: draining.signal,
    done: new AbortController().signal,
    log: silentLogger,
    sendHeaders: () => headers.resolve(),
    trailers: {},
    resumeFrom: () => {},
  };
  return { context, abort, draining, headersSent: headers.promise };
}
