import { ServiceError, type MethodKind } from "@millrace/shared-types";

import type { HeaderMap } from "../rpc/transport.js";

type LogLine = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** A log as the server's handlers expect it. */
export interface InMemoryLog {
  readonly debug: LogLine;
  readonly info: LogLine;
  readonly warn: LogLine;
  readonly error: LogLine;
  child(fields: Readonly<Record<string, unknown>>): InMemoryLog;
}

/** What a handler in the same process knows about its call: the shape of the server's `CallContext`. */
export interface InMemoryCallContext {
  readonly method: string;
  readonly kind: MethodKind;
  readonly requestId: string;
  readonly peer: string;
  readonly principal: { readonly id: string };
  readonly headers: HeaderMap;
  readonly deadline: Date | undefined;
  /** Aborts when the handler should stop; the reason is the error that the call ends with. */
  readonly signal: AbortSignal;
  /** Aborts when the transport drains, here together with `signal`. */
  readonly draining: AbortSignal;
  /** Aborts at any end of the call, after the handler's `finally` blocks have run. */
  readonly done: AbortSignal;
  /** Drops everything. */
  readonly log: InMemoryLog;
  sendHeaders(headers?: HeaderMap): void;
  readonly trailers: Record<string, string | Uint8Array>;
  resumeFrom(position: () => string | undefined): void;
}

/** What the transport does with a context. */
export interface ContextControls {
  readonly context: InMemoryCallContext;
  /** Aborts `signal`, unless the handler has come to its end. A ServiceError `DRAINING` gets the handler's resume token. */
  abort(reason: Error): void;
  /** Aborts `done`. */
  finish(): void;
}

/** The facts of a call that its start gives. */
export type ContextFacts = Pick<
  InMemoryCallContext,
  "method" | "kind" | "requestId" | "peer" | "headers" | "deadline" | "sendHeaders"
>;

const SILENT: InMemoryLog = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => SILENT,
};

/** Makes the context of one call. */
export function createInMemoryContext(facts: ContextFacts): ContextControls {
  const stop = new AbortController();
  const done = new AbortController();
  const drain = new AbortController();
  let position = (): string | undefined => undefined;
  const context: InMemoryCallContext = {
    ...facts,
    principal: { id: "" },
    signal: stop.signal,
    draining: drain.signal,
    done: done.signal,
    log: SILENT,
    trailers: { "x-request-id": facts.requestId },
    resumeFrom(next) {
      position = next;
    },
  };
  return {
    context,
    abort(reason) {
      if (done.signal.aborted) return;
      if (isDraining(reason)) drain.abort();
      stop.abort(isDraining(reason) ? withResumeToken(reason, position()) : reason);
    },
    finish: () => done.abort(),
  };
}

function isDraining(error: Error): error is ServiceError {
  return error instanceof ServiceError && error.reason === "DRAINING";
}

function withResumeToken(error: ServiceError, token: string | undefined): ServiceError {
  if (token === undefined) return error;
  return new ServiceError("DRAINING", error.message, { metadata: { ...error.metadata, resume_token: token } });
}
