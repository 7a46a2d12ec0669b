import { ServiceError, StatusCode } from "@millrace/shared-types";

import type { Clock } from "../ports/clock.js";
import type { BoundMethod } from "./bind-service.js";
import type { Logger } from "./logger.js";
import { RequestReader } from "./requests-of.js";
import { ResponseWriter } from "./response-writer.js";
import { StatusError } from "./status-error.js";
import { Watchdog } from "./watchdog.js";
import type { RequestsEnd, WireCall, WireListener } from "./wire-call.js";

/** Times of one call, in milliseconds; 0 turns one off. */
export interface CallTimeouts {
  /** Longest wait for the next request while the handler asks for one. */
  readonly idleMs: number;
  /** Longest wait for the peer to take any of the responses. */
  readonly writeStallMs: number;
}

/** What a handler gets that reads or writes after its call; one for all, because a stack trace costs more than the rest of the end. */
const CALL_OVER = new StatusError(StatusCode.CANCELLED, "the call is over");

/**
 * An end so shortly before the deadline is that of the deadline, in milliseconds: a client's begins before ours, by the
 * time that its headers take, and a timer of grpc-js may be up to a millisecond ahead of `Date.now`.
 */
const DEADLINE_SLACK_MS = 10;

/** setTimeout's longest delay; a deadline beyond it is no deadline. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * A call from its headers to its end: where its requests and responses go, and the one signal
 * that everything working for it listens to.
 */
export class LiveCall implements WireListener {
  readonly method: BoundMethod;
  readonly wire: WireCall;
  readonly requestId: string;
  readonly log: Logger;
  readonly requests: RequestReader;
  readonly responses: ResponseWriter;
  /** Says how a client can go on with the stream; set by the handler. */
  resumePosition: () => string | undefined = () => undefined;
  /** Sent with the status. */
  readonly trailers: Record<string, string | Uint8Array> = {};
  readonly #abort = new AbortController();
  readonly #done = new AbortController();
  #draining: AbortController | undefined;
  readonly #cancelDeadline: () => void;

  constructor(
    method: BoundMethod,
    wire: WireCall,
    requestId: string,
    log: Logger,
    clock: Clock,
    timeouts: CallTimeouts,
  ) {
    this.method = method;
    this.wire = wire;
    this.requestId = requestId;
    this.log = log;
    this.requests = new RequestReader(wire, new Watchdog(clock, timeouts.idleMs, () => this.#onIdle(timeouts.idleMs)));
    const stall = new Watchdog(clock, timeouts.writeStallMs, () => this.#onStall(timeouts.writeStallMs));
    this.responses = new ResponseWriter(wire, stall);
    this.#cancelDeadline = this.#watchDeadline(clock);
    wire.listen(this);
  }

  /** Aborts when the handler should stop; see `CallContext.signal`. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Aborts when a drain begins; see `CallContext.draining`. */
  get draining(): AbortSignal {
    this.#draining ??= new AbortController();
    return this.#draining.signal;
  }

  /** Tells the handler of a drain if it has asked to be told. */
  announceDrain(): boolean {
    this.#draining?.abort();
    return this.#draining !== undefined;
  }

  /** Aborts at the end of the call, whatever the end. */
  get done(): AbortSignal {
    return this.#done.signal;
  }

  get streamsRequests(): boolean {
    return this.method.kind === "client-streaming" || this.method.kind === "bidi-streaming";
  }

  onMessage(message: Buffer): void {
    this.requests.onMessage(message);
  }

  onRequestsEnd(end: RequestsEnd): void {
    this.requests.onEnd(end);
  }

  onEnd(): void {
    if (this.done.aborted) return;
    if (Date.now() >= this.wire.deadlineMs - DEADLINE_SLACK_MS) return this.abort(deadlineExceeded());
    this.abort(new StatusError(StatusCode.CANCELLED, "cancelled by the client, or connection lost"));
  }

  /** Makes everything that works for the call stop. Only the first reason counts. */
  abort(reason: Error): void {
    if (this.signal.aborted || this.done.aborted) return;
    this.requests.fail(reason);
    this.responses.fail(reason);
    this.#abort.abort(reason);
  }

  /** Like {@link abort}; `reasonOf` gets what `resumeFrom` says, as metadata of an error. */
  abortResumable(reasonOf: (resume: { readonly resume_token?: string }) => ServiceError): void {
    this.abort(reasonOf(this.#resumeMetadata()));
  }

  /** Gives back timers and says `done`. */
  finish(): void {
    this.#cancelDeadline();
    this.requests.fail(CALL_OVER);
    this.responses.fail(CALL_OVER);
    this.#done.abort(CALL_OVER);
  }

  /** Settles as `work`, or rejects with the signal's reason once it aborts. */
  interruptible<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(this.signal.reason as Error);
      if (this.signal.aborted) onAbort();
      this.signal.addEventListener("abort", onAbort, { once: true });
      work.then(resolve, reject).finally(() => this.signal.removeEventListener("abort", onAbort));
    });
  }

  /** grpc-js has a timer of its own, but does not tell us while the peer takes no bytes. */
  #watchDeadline(clock: Clock): () => void {
    const leftMs = this.wire.deadlineMs - Date.now();
    if (leftMs > MAX_TIMER_MS) return () => {};
    return clock.after(Math.max(0, leftMs), () => this.abort(deadlineExceeded()));
  }

  #onIdle(idleMs: number): void {
    const metadata = { idle_timeout_ms: idleMs };
    this.abort(new ServiceError("STREAM_IDLE", `no message for ${String(idleMs)} ms`, { metadata }));
  }

  #onStall(stallMs: number): void {
    this.abortResumable((resume) => {
      const metadata = { stall_timeout_ms: stallMs, ...resume };
      return new ServiceError("STREAM_STALLED", `nothing was read for ${String(stallMs)} ms`, { metadata });
    });
  }

  #resumeMetadata(): { readonly resume_token?: string } {
    try {
      const token = this.resumePosition();
      return token === undefined ? {} : { resume_token: token };
    } catch (error) {
      this.log.error({ err: error }, "the handler could not say how to resume");
      return {};
    }
  }
}

function deadlineExceeded(): StatusError {
  return new StatusError(StatusCode.DEADLINE_EXCEEDED, "deadline exceeded");
}
