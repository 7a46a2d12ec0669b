import type { EncodedMessage, StatusCode } from "@millrace/shared-types";

/** Headers or trailers: lower-case names; binary values under names that end in `-bin`. */
export type HeaderMap = Readonly<Record<string, string | Uint8Array>>;

/** What a call needs to begin. */
export interface CallStart {
  /** Path of the RPC, such as `/streaming.v1.FileService/GetFile`. */
  readonly path: string;
  readonly headers: HeaderMap;
  /** When the call ends with DEADLINE_EXCEEDED, in milliseconds since 1970. Left out: never. */
  readonly deadline?: number;
}

/** How a call ended. */
export interface TransportStatus {
  readonly code: StatusCode;
  readonly message: string;
  readonly trailers: HeaderMap;
  /**
   * Who decided: `client` (a local cancel or deadline), `transport` (connection lost, reset,
   * refused) or `server` (a status that the server wrote).
   */
  readonly origin: "client" | "transport" | "server";
  /** What was thrown here, if something was. */
  readonly cause?: unknown;
}

/**
 * One call of any kind, at the level of serialized messages. Reading is pulled: a message is
 * taken from the connection only when it is asked for, so a slow reader holds the sender.
 */
export interface TransportCall {
  /** Response headers; `{}` if the call ended before any came. Never rejects. */
  readonly headers: Promise<HeaderMap>;
  /** Resolves once, when the call has ended in whatever way and all messages before it were taken. Never rejects. */
  readonly status: Promise<TransportStatus>;
  /** Address of the peer, once known. */
  peer(): string | undefined;
  /**
   * Sends one message, whose bytes must not change before that. Resolves when the connection has accepted
   * it (flow control included), or when the call has ended: see `status` for why. Never rejects. One at a time.
   */
  send(message: EncodedMessage): Promise<void>;
  /** Says that no more messages follow. */
  halfClose(): void;
  /** Next message; `undefined` when the call has ended (see `status`). One at a time. Never rejects. */
  receive(): Promise<Uint8Array | undefined>;
  /** Ends the call now, on both sides. `receive` and `send` that are pending settle at once. */
  cancel(reason: string): void;
  /** Nothing comes over the call's connection: calls that begin from now on are to get another one. */
  distrustConnection?(): void;
}

/** State of the connection to a target. */
export type ConnectionState = "idle" | "connecting" | "ready" | "backoff" | "closed";

/** Carries calls to a server. */
export interface Transport {
  readonly target: string;
  readonly state: ConnectionState;
  /** Begins a call. What goes wrong is told by the call's `status`. */
  start(call: CallStart): TransportCall;
  /** Connects if there is no connection; resolves once it is ready, rejects with the signal's reason. */
  connect(signal: AbortSignal): Promise<void>;
  /** Calls `listener` at each change of `state` until the returned function is called. */
  onStateChange(listener: (state: ConnectionState) => void): () => void;
  /** Ends all calls (UNAVAILABLE, origin `client`) and closes the connection. Never rejects. */
  close(): Promise<void>;
}
