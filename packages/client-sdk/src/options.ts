import type { HeaderMap, Transport } from "./rpc/transport.js";
import type { StreamingError } from "./errors.js";

/** Delays between attempts: full jitter over an exponential bound. */
export interface Backoff {
  /** Bound of the first delay, in milliseconds. Default 100. */
  readonly initialMs?: number;
  /** Largest bound, in milliseconds. Default 30_000. */
  readonly maxMs?: number;
  /** Factor between bounds. Default 2. */
  readonly multiplier?: number;
}

/** When a call that is safe to repeat is tried again. */
export interface RetryPolicy {
  /** Attempts in all. Default 5. */
  readonly maxAttempts?: number;
  readonly backoff?: Backoff;
}

/** How a resumable stream goes on after a failure. */
export interface ResumePolicy {
  /** Failed attempts in a row, without progress, before giving up. Default: no bound. */
  readonly maxAttempts?: number;
  /** Time since the first failure without progress before giving up, in milliseconds. Default 600_000. */
  readonly maxElapsedMs?: number;
  readonly backoff?: Backoff;
  /** Overrides which failures are worth another attempt. */
  readonly shouldResume?: (error: StreamingError) => boolean;
}

/** Options of one call. */
export interface CallOptions {
  /** Cancels the call; its reason is the `cause` of the error. */
  readonly signal?: AbortSignal;
  /** For the whole call with all its attempts, in milliseconds. Default: 30_000 for unary calls, none for streams. At most 2^31-1. */
  readonly timeoutMs?: number;
  /** Streams: the longest wait for the next message, in milliseconds. Default: none. */
  readonly idleTimeoutMs?: number;
  readonly headers?: HeaderMap;
  /** Default: the client's policy for calls that are safe to repeat, none for others. */
  readonly retry?: RetryPolicy | false;
  readonly onHeaders?: (headers: HeaderMap) => void;
  readonly onTrailers?: (trailers: HeaderMap) => void;
}

/** Gives the credentials of each attempt. */
export interface AuthProvider {
  /** Headers to send, such as `authorization`. Called before each attempt. */
  getHeaders(call: {
    readonly method: string;
    readonly attempt: number;
    readonly signal: AbortSignal;
  }): Promise<HeaderMap>;
  /** Called when the server refused the credentials, before another attempt. */
  invalidate?(error: StreamingError): void;
}

export interface TlsOptions {
  /** PEM of the authorities to trust. Default: the system's. */
  readonly ca?: string | Uint8Array;
  /** PEM of the client's certificate chain. */
  readonly cert?: string | Uint8Array;
  /** PEM of the client's key. */
  readonly key?: string | Uint8Array;
  /** Name to check the server's certificate against. Default: the target's host. */
  readonly serverName?: string;
}

/** Time and chance, for tests. */
export interface ClientClock {
  now(): number;
  /** Calls `callback` once after `delayMs`; the returned function prevents it. */
  after(delayMs: number, callback: () => void): () => void;
}

export interface ClientOptions {
  /** `host:port`, `dns:///host:port`, `ipv4:1.2.3.4:1,5.6.7.8:1` or `unix:/path`. A port that is left out is 443. */
  readonly target: string;
  /** Default: true, except for loopback targets and unix sockets. */
  readonly tls?: boolean | TlsOptions;
  /** A token (sent as `authorization: Bearer …`) or a provider of headers. Sent over plaintext only to loopback. */
  readonly auth?: string | AuthProvider;
  readonly connect?: {
    /** Longest single attempt to connect, in milliseconds. Default 10_000. */
    readonly timeoutMs?: number;
  };
  /** HTTP/2 pings that find a dead connection. Default: on, every 20 s, 10 s to answer. */
  readonly keepAlive?:
    | false
    | { readonly intervalMs?: number; readonly timeoutMs?: number; readonly whileIdle?: boolean };
  /** Of calls that are safe to repeat. `false`: never. */
  readonly retry?: RetryPolicy | false;
  /** Of resumable streams. `false`: never. */
  readonly resume?: ResumePolicy | false;
  readonly limits?: {
    /** Largest message to accept, in bytes. Default 4_194_304. */
    readonly maxReceiveBytes?: number;
    /** Largest message to send, in bytes. Default 4_194_304. */
    readonly maxSendBytes?: number;
    /** HTTP/2 receive window of a stream and of the connection, in bytes. Default 1_048_576; 65_535 to 2^31-1. */
    readonly receiveWindowBytes?: number;
  };
  /**
   * Options of every call, unless the call has its own. `timeoutMs` counts for calls with one request
   * and one response: streams, uploads and downloads last as long as they last.
   */
  readonly defaults?: Pick<CallOptions, "timeoutMs" | "idleTimeoutMs" | "headers">;
  /** Carries the calls. Default: grpc-js to `target`. */
  readonly transport?: Transport;
  readonly clock?: ClientClock;
  /** Uniform in [0, 1). Default: Math.random. */
  readonly random?: () => number;
}
