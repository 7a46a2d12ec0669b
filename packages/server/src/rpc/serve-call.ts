import { type EncodedMessage, ServiceError, StatusCode, statusCodeName } from "@millrace/shared-types";

import type { Clock } from "../ports/clock.js";
import { ANONYMOUS, type Authenticate, authenticationTimedOut } from "./authenticate.js";
import { bidiStreaming } from "./bidi-streaming.js";
import type { AnyHandler, BoundMethod } from "./bind-service.js";
import type { CallContext, Principal } from "./call-context.js";
import type { CallRegistry } from "./call-registry.js";
import { clientStreaming } from "./client-streaming.js";
import { headersOf } from "./header-map.js";
import { type CallTimeouts, LiveCall } from "./live-call.js";
import type { Logger } from "./logger.js";
import { openCallContext } from "./open-call-context.js";
import type { RequestReader } from "./requests-of.js";
import type { ResponseWriter } from "./response-writer.js";
import { serverStreaming } from "./server-streaming.js";
import { StatusError } from "./status-error.js";
import { okStatus, toCallerError, toStatus } from "./to-status.js";
import { unary } from "./unary.js";
import type { WireCall } from "./wire-call.js";

/** Where the messages of a call go. */
interface Messages {
  readonly requests: RequestReader;
  readonly responses: ResponseWriter;
}

interface Codec<Req, Res> {
  readonly decode: (bytes: Buffer) => Req;
  readonly encode: (message: Res) => EncodedMessage;
}

/** Serves one call of one RPC kind. Settles once the handler has stopped and its responses are handed over. */
export type CallServer<Req, Res> = (messages: Messages, context: CallContext, codec: Codec<Req, Res>) => Promise<void>;

/** What all calls of a server share. */
export interface CallHost {
  readonly calls: CallRegistry;
  readonly clock: Clock;
  readonly log: Logger;
  readonly authenticate: Authenticate | undefined;
  /** Times of a method's calls. */
  readonly timeoutsOf: (method: BoundMethod) => CallTimeouts;
  /** Longest wait for `authenticate`. */
  readonly authenticateMs: number;
  /** Longest wait for a handler to stop after its signal aborted. */
  readonly handlerStopMs: number;
  /** Longest wait for the peer to take the last bytes and stop sending. */
  readonly lingerMs: number;
  readonly nextRequestId: () => string;
}

/** Serves one call from its headers to its end. */
export async function serveCall(method: BoundMethod, wire: WireCall, host: CallHost): Promise<void> {
  const requestId = host.nextRequestId();
  const log = host.log.child({ requestId, method: method.path });
  const call = new LiveCall(method, wire, requestId, log, host.clock, host.timeoutsOf(method));
  host.calls.add(call);
  const startedMs = host.clock.monotonicMs();
  const failure = await failureOf(runToEnd(call, host));
  const error = failure === undefined ? undefined : toCallerError(causeOf(failure.reason, call), requestId);
  wire.end(error === undefined ? okStatus(requestId, call.trailers) : toStatus(error, requestId, call.trailers));
  call.finish();
  logEnd(call, error, host.clock.monotonicMs() - startedMs);
  await linger(wire, host);
}

/** Runs the handler; rejects no later than `handlerStopMs` after the call's signal has aborted. */
async function runToEnd(call: LiveCall, host: CallHost): Promise<void> {
  host.calls.admit(call.method);
  const { handler } = call.method;
  if (handler === undefined) throw new StatusError(StatusCode.UNIMPLEMENTED, `${call.method.path} is not implemented`);
  const principal = await authenticated(call, host);
  const serve = callServer(call.method, handler);
  const handling = serve(call, openCallContext(call, principal), call.method);
  host.calls.addHandler(call, handling);
  await stoppedInTime(handling, call, host);
}

function callServer({ kind }: BoundMethod, handler: AnyHandler): CallServer<unknown, unknown> {
  switch (kind) {
    case "unary":
      return unary(handler as Parameters<typeof unary>[0]);
    case "server-streaming":
      return serverStreaming(handler as Parameters<typeof serverStreaming>[0]);
    case "client-streaming":
      return clientStreaming(handler as Parameters<typeof clientStreaming>[0]);
    case "bidi-streaming":
      return bidiStreaming(handler as Parameters<typeof bidiStreaming>[0]);
  }
}

async function authenticated(call: LiveCall, host: CallHost): Promise<Principal> {
  const { authenticate, clock, authenticateMs } = host;
  if (authenticate === undefined || call.method.policy.anonymous === true) return ANONYMOUS;
  const { wire, signal, method } = call;
  const cancelTimer = clock.after(authenticateMs, () => call.abort(authenticationTimedOut(authenticateMs)));
  try {
    const asked = { method: method.path, headers: headersOf(wire.metadata), peer: wire.peer, signal };
    return await call.interruptible(Promise.resolve(authenticate(asked)));
  } finally {
    cancelTimer();
  }
}

/** A handler that ignores its signal is left behind, so that neither the client nor a drain waits for it. */
function stoppedInTime(handling: Promise<void>, call: LiveCall, { clock, handlerStopMs }: CallHost): Promise<void> {
  return new Promise((resolve, reject) => {
    let cancelTimer = (): void => {};
    const giveUp = (): void => {
      call.log.error({ handlerStopMs }, "the handler did not stop when its call ended");
      reject(call.signal.reason as Error);
    };
    const onAbort = (): void => void (cancelTimer = clock.after(handlerStopMs, giveUp));
    call.signal.addEventListener("abort", onAbort, { once: true });
    if (call.signal.aborted) onAbort();
    const settled = (): void => {
      cancelTimer();
      call.signal.removeEventListener("abort", onAbort);
    };
    handling.finally(settled).then(resolve, reject);
  });
}

async function failureOf(work: Promise<void>): Promise<{ readonly reason: unknown } | undefined> {
  try {
    await work;
    return undefined;
  } catch (reason) {
    return { reason };
  }
}

/**
 * Why the call ends: once its signal has aborted, for the signal's reason, whatever an interrupted handler
 * made of it, unless the handler says something to the caller itself.
 */
function causeOf(thrown: unknown, { signal, log }: LiveCall): unknown {
  if (!signal.aborted || thrown instanceof ServiceError) return thrown;
  if (thrown !== signal.reason && !isAbortError(thrown))
    log.warn({ err: thrown }, "the handler failed while it stopped");
  return signal.reason;
}

function isAbortError(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

function logEnd(call: LiveCall, error: ServiceError | StatusError | undefined, durationMs: number): void {
  const { requests, responses, wire, log } = call;
  const counts = { received: requests.messages, sent: responses.messages, durationMs: Math.round(durationMs) };
  if (error === undefined) return log.debug({ code: "OK", ...counts }, "call ended");
  const fields = { code: statusCodeName(error.code), reason: reasonOf(error), details: error.message, ...counts };
  if (error.code === StatusCode.INTERNAL) return log.error({ ...fields, err: error.cause ?? error }, "call failed");
  if (isOfStorage(error)) return log.warn({ ...fields, err: error.cause }, "call failed");
  log.info({ ...fields, peer: wire.peer }, "call ended");
}

/** Whether an operator has to look after the storage: callers are told nothing of why. */
function isOfStorage(error: ServiceError | StatusError): boolean {
  const reason = reasonOf(error);
  if (reason === "CORRUPT_DATA") return true;
  return (reason === "BACKEND_UNAVAILABLE" || reason === "QUOTA_EXCEEDED") && error.cause !== undefined;
}

function reasonOf(error: ServiceError | StatusError): string | undefined {
  return error instanceof ServiceError ? error.reason : undefined;
}

/** After the status, waits until the peer has taken it and has stopped sending, but not for ever. */
async function linger(wire: WireCall, { clock, lingerMs }: CallHost): Promise<void> {
  const cancelTimer = clock.after(lingerMs, () => wire.reset());
  await wire.closed;
  cancelTimer();
}
