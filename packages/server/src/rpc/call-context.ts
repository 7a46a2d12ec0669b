import type { MethodKind } from "@millrace/shared-types";

import type { Logger } from "./logger.js";

/** Headers or trailers: lower-case names; binary values under names that end in `-bin`. */
export type HeaderMap = Readonly<Record<string, string | Uint8Array>>;

/** Who the caller is, as the authentication hook found. */
export interface Principal {
  /** Stable identity; owns what the caller makes. Empty for an anonymous caller. */
  readonly id: string;
}

/** How long streams that tell their clients of a drain go on after it has begun, in milliseconds. */
export const DRAIN_NOTICE_MS = 250;

/** What a handler knows about its call, besides its request. */
export interface CallContext {
  /** Path of the RPC, such as `/streaming.v1.FileService/GetFile`. */
  readonly method: string;
  readonly kind: MethodKind;
  /** Unique per call; in every log line of the call and in the `x-request-id` trailer. */
  readonly requestId: string;
  /** Address of the peer. */
  readonly peer: string;
  readonly principal: Principal;
  /** Headers that the client sent. */
  readonly headers: HeaderMap;
  /** When the client stops waiting; `undefined` if it never does. */
  readonly deadline: Date | undefined;

  /**
   * Aborts when the handler should stop: the client cancelled, its deadline passed, the
   * peer is lost or idle, the server drains (streams) or is forced to stop. The reason is
   * the error that the call ends with; throw it (`signal.throwIfAborted()`).
   * It does not abort when the call simply ends: see `done`.
   */
  readonly signal: AbortSignal;

  /**
   * Aborts when the server begins to drain. A stream that has asked for this signal before is not ended
   * at once like others, but {@link DRAIN_NOTICE_MS} later: time to tell its client.
   */
  readonly draining: AbortSignal;

  /** Aborts at any end of the call, success included, after the handler's `finally` blocks have run. */
  readonly done: AbortSignal;

  /** Lines of this log carry the request id. */
  readonly log: Logger;

  /** Sends the response headers now; the first message sends them otherwise. Later calls do nothing. */
  sendHeaders(headers?: HeaderMap): void;

  /** Sent with the final status. */
  readonly trailers: Record<string, string | Uint8Array>;

  /**
   * Says how a client can resume this stream. Called when the server itself ends it
   * (drain, stalled reader); the result travels as `resume_token` in the error's metadata.
   */
  resumeFrom(position: () => string | undefined): void;
}
