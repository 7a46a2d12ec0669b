import {
  type EncodedMessage,
  type MethodDefinition,
  type PartialMessage,
  type RequestOf,
  type ResponseOf,
  StatusCode,
} from "@millrace/shared-types";

import {
  IdleTimeoutError,
  InternalError,
  InvalidArgumentError,
  MessageTooLargeError,
  type StreamingError,
} from "../errors.js";
import type { CallOptions } from "../options.js";
import type { CallScope } from "./call-scope.js";
import { handled } from "./handled.js";
import { fromBytes, toBytes } from "./message-bytes.js";
import type { RpcCore } from "./rpc-core.js";
import { startCall } from "./start-call.js";
import type { StreamEnd } from "./streams.js";
import { toStreamingError } from "./to-streaming-error.js";
import type { HeaderMap, TransportCall, TransportStatus } from "./transport.js";

/** One attempt of a call of any kind: typed messages, and one `StreamEnd` for all ways to end. */
export class OpenCall<M extends MethodDefinition> {
  /** Resolves when the call has ended; never rejects. */
  readonly ended: Promise<StreamEnd>;
  /** Rejects if the call fails before any came. Needs no handler. */
  readonly headers: Promise<HeaderMap>;
  /** Rejects if the call fails. Needs no handler. */
  readonly trailers: Promise<HeaderMap>;
  readonly transport: TransportCall;
  readonly #core: RpcCore;
  readonly #scope: CallScope;
  readonly #definition: M;
  readonly #options: CallOptions;
  #end: StreamEnd | undefined;
  #isCancelled = false;
  #receivedHeaders: HeaderMap | undefined;

  constructor(core: RpcCore, scope: CallScope, definition: M, options: CallOptions, attempt = 1) {
    this.#core = core;
    this.#scope = scope;
    this.#definition = definition;
    this.#options = options;
    this.transport = startCall(core, scope, options, attempt);
    const ended = this.#watchEnd();
    this.ended = ended.then(({ end }) => end);
    this.headers = handled(this.#watchHeaders());
    this.trailers = handled(ended.then(({ end, trailers }) => unlessFailed(end, trailers)));
    scope.signal.addEventListener("abort", this.#onFailure, { once: true });
    if (scope.failure !== undefined) this.#onFailure();
  }

  /** How the call ended; `undefined` while it goes on. */
  get end(): StreamEnd | undefined {
    return this.#end;
  }

  /** @throws {StreamingError} if the message cannot be sent */
  encode(message: PartialMessage<RequestOf<M>>): EncodedMessage {
    const bytes = this.#serialize(message);
    const { maxSendBytes, counters } = this.#core;
    if (bytes.byteLength > maxSendBytes) {
      const size = bytes.byteLength;
      const text = `message of ${String(size)} bytes is larger than limits.maxSendBytes (${String(maxSendBytes)})`;
      throw new MessageTooLargeError(text, {
        method: this.#scope.method,
        size,
        limit: maxSendBytes,
        option: "limits.maxSendBytes",
      });
    }
    counters.messagesSent++;
    counters.bytesSent += bytes.byteLength;
    return bytes;
  }

  /** Next response; `undefined` when the call has ended, and then `end` says how. One at a time. */
  async receive(): Promise<ResponseOf<M> | undefined> {
    const bytes = await this.#receiveBytes();
    if (bytes === undefined) {
      await this.ended;
      return undefined;
    }
    this.#core.counters.messagesReceived++;
    this.#core.counters.bytesReceived += bytes.byteLength;
    try {
      return fromBytes(this.#definition.responseType, bytes) as ResponseOf<M>;
    } catch (cause) {
      this.fail(new InternalError("the server sent a malformed message", { method: this.#scope.method, cause }));
      await this.ended;
      return undefined;
    }
  }

  /** Ends the call without an error. */
  cancel(reason?: unknown): void {
    if (this.#end !== undefined) return;
    this.#isCancelled = true;
    this.transport.cancel(typeof reason === "string" ? reason : "cancelled");
  }

  /** Ends the call with an error that arose here. */
  fail(error: StreamingError): void {
    this.#scope.fail(error);
  }

  readonly #onFailure = (): void => {
    this.transport.cancel("cancelled");
  };

  #serialize(message: PartialMessage<RequestOf<M>>): EncodedMessage {
    const { requestType } = this.#definition;
    try {
      return toBytes(requestType, message);
    } catch (cause) {
      const text = `not a valid request: ${cause instanceof Error ? cause.message : String(cause)}`;
      throw new InvalidArgumentError(text, { method: this.#scope.method, cause });
    }
  }

  async #receiveBytes(): Promise<Uint8Array | undefined> {
    const { idleTimeoutMs } = this.#options;
    if (idleTimeoutMs === undefined) return this.transport.receive();
    const stop = this.#core.clock.after(idleTimeoutMs, () => {
      const message = `no message for ${String(idleTimeoutMs)} ms`;
      this.transport.distrustConnection?.();
      this.fail(new IdleTimeoutError(message, { method: this.#scope.method, peer: this.#peer(), retryable: true }));
    });
    try {
      return await this.transport.receive();
    } finally {
      stop();
    }
  }

  async #watchHeaders(): Promise<HeaderMap> {
    const headers = await this.transport.headers;
    // A response has at least a content type: no headers at all means that the call ended before.
    if (Object.keys(headers).length === 0) return unlessFailed(await this.ended, headers);
    this.#receivedHeaders = headers;
    this.#tell(this.#options.onHeaders, headers);
    return headers;
  }

  async #watchEnd(): Promise<{ readonly end: StreamEnd; readonly trailers: HeaderMap }> {
    const status = await this.transport.status;
    this.#scope.signal.removeEventListener("abort", this.#onFailure);
    this.#end = this.#endOf(status);
    this.#tell(this.#options.onTrailers, status.trailers);
    return { end: this.#end, trailers: status.trailers };
  }

  #endOf(status: TransportStatus): StreamEnd {
    if (this.#isCancelled) return { type: "cancelled" };
    const { failure } = this.#scope;
    if (failure !== undefined) return { type: "failed", error: failure };
    if (status.code === StatusCode.OK) return { type: "completed" };
    return { type: "failed", error: this.#errorOf(status) };
  }

  #errorOf(status: TransportStatus): StreamingError {
    const { auth, statuses } = this.#core;
    const error = toStreamingError(status, {
      method: this.#scope.method,
      peer: this.#peer(),
      headers: this.#receivedHeaders,
      canRenewCredentials: auth?.invalidate !== undefined,
    });
    if (error.kind === "unauthenticated" && error.origin === "server") this.#tell(auth?.invalidate?.bind(auth), error);
    if (error.reason === "DRAINING")
      statuses.publish({ type: "server-draining", reconnectAfterMs: error.retryAfterMs });
    return error;
  }

  #peer(): string | undefined {
    return this.transport.peer();
  }

  #tell<T>(listener: ((fact: T) => void) | undefined, fact: T): void {
    try {
      listener?.(fact);
    } catch (cause) {
      this.fail(new InternalError("a callback of the call threw", { method: this.#scope.method, cause }));
    }
  }
}

function unlessFailed(end: StreamEnd, headers: HeaderMap): HeaderMap {
  if (end.type === "failed") throw end.error;
  return headers;
}
