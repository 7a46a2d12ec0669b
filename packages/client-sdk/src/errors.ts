import {
  type ErrorDetails,
  type FieldViolation,
  StatusCode,
  statusCodeName,
  type StatusCodeName,
} from "@millrace/shared-types";

/** What went wrong, for `switch`: one kind per class below. */
export type ErrorKind =
  | "cancelled"
  | "deadline-exceeded"
  | "idle-timeout"
  | "unavailable"
  | "connect-timeout"
  | "invalid-argument"
  | "not-found"
  | "already-exists"
  | "permission-denied"
  | "unauthenticated"
  | "resource-exhausted"
  | "failed-precondition"
  | "aborted"
  | "out-of-range"
  | "data-loss"
  | "message-too-large"
  | "unimplemented"
  | "internal"
  | "unknown";

/**
 * Who decided that a call failed: `client` (this process: a cancel, a timeout, a bad argument),
 * `transport` (connection refused, lost or reset) or `server` (a status that the server wrote).
 */
export type ErrorOrigin = "client" | "transport" | "server";

/** One attempt of a call that was tried several times. */
export interface Attempt {
  readonly peer: string | undefined;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** How long it lasted, in milliseconds. */
  readonly ms: number;
  readonly code: StatusCode;
  readonly codeName: StatusCodeName;
  readonly origin: ErrorOrigin;
  readonly message: string;
}

/** What an error is made of; `method` and `message` aside, everything has a default. */
export interface StreamingErrorInit {
  /** RPC that failed, such as `streaming.v1.FileService/GetFile`; empty if it was none. */
  readonly method?: string;
  /** Default: `client`. */
  readonly origin?: ErrorOrigin;
  /** Default: false. */
  readonly retryable?: boolean;
  readonly retryAfterMs?: number | undefined;
  readonly details?: ErrorDetails | undefined;
  readonly peer?: string | undefined;
  readonly requestId?: string | undefined;
  readonly cause?: unknown;
}

const BRAND = Symbol.for("@millrace/client-sdk/StreamingError");
const NO_DETAILS: ErrorDetails = { metadata: {}, unknown: [] };

/**
 * Whatever makes a call fail. You never get one for a cancel that you asked for by `break`,
 * `return`, `cancel()` or dispose; you do for a `signal` and for timeouts.
 */
export abstract class StreamingError extends Error {
  abstract readonly kind: ErrorKind;
  abstract readonly code: StatusCode;
  readonly origin: ErrorOrigin;
  /** The same call, sent again unchanged, may succeed. */
  readonly retryable: boolean;
  /** How long the server wants to be left alone, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** From the server's list of reasons, such as `UPLOAD_EXPIRED`. */
  readonly reason: string | undefined;
  /** Who defined the reason: `streaming.v1` for those of this contract. */
  readonly domain: string | undefined;
  readonly details: ErrorDetails;
  /** RPC that failed, such as `streaming.v1.FileService/GetFile`; empty if it was none. */
  readonly method: string;
  /** Address of the server, if a connection was there. */
  readonly peer: string | undefined;
  /** The server's name for the call, from its `x-request-id`. */
  readonly requestId: string | undefined;
  /** All attempts, oldest first; of very many the last 32. */
  readonly attempts: readonly Attempt[] = [];
  /** Where a resumable call had got to. */
  readonly position: string | undefined;

  constructor(message: string, init: StreamingErrorInit = {}) {
    super(message, "cause" in init ? { cause: init.cause } : undefined);
    this.details = init.details ?? NO_DETAILS;
    this.origin = init.origin ?? "client";
    this.retryable = init.retryable ?? false;
    this.retryAfterMs = init.retryAfterMs ?? this.details.retryAfterMs;
    this.reason = this.details.reason;
    this.domain = this.details.domain;
    this.method = init.method ?? "";
    this.peer = init.peer;
    this.requestId = init.requestId;
    Object.defineProperty(this, BRAND, { value: true });
    // The class's name for stack traces; own properties would clutter what is printed.
    Object.defineProperty(this, "name", { value: new.target.name, configurable: true, writable: true });
  }

  get codeName(): StatusCodeName {
    return statusCodeName(this.code);
  }

  /** Whether `error` is one of these, also if another copy of this package made it. */
  static is(error: unknown): error is StreamingError {
    return typeof error === "object" && error !== null && BRAND in error;
  }

  /** For logs: has no headers and no credentials. */
  toJSON(): object {
    const { name, message, kind, code, codeName, origin, retryable, retryAfterMs, reason, domain } = this;
    const { method, peer, requestId, attempts, position, details } = this;
    const facts = { name, message, kind, code, codeName, origin, retryable, retryAfterMs, reason, domain };
    return { ...facts, metadata: details.metadata, method, peer, requestId, attempts, position };
  }
}

/** Adds to an error what only the loop around its call knows. Returns `error`. */
export function withHistory(
  error: StreamingError,
  history: { readonly attempts?: readonly Attempt[]; readonly position?: string | undefined },
): StreamingError {
  return Object.assign(error, history);
}

/** The caller's `signal` ended the call (`cause` is its reason), or the server cancelled it. */
export class CancelledError extends StreamingError {
  readonly kind = "cancelled";
  readonly code: StatusCode = StatusCode.CANCELLED;
  /** As `fetch` does it. */
  override readonly name = "AbortError";
}

/** `timeoutMs` is over, or the server's own limit. */
export class DeadlineExceededError extends StreamingError {
  readonly kind = "deadline-exceeded";
  readonly code: StatusCode = StatusCode.DEADLINE_EXCEEDED;
}

/** No message came for `idleTimeoutMs`. */
export class IdleTimeoutError extends StreamingError {
  readonly kind = "idle-timeout";
  readonly code: StatusCode = StatusCode.DEADLINE_EXCEEDED;
}

/** The server cannot be reached, went away, or takes no calls now. */
export class UnavailableError extends StreamingError {
  readonly kind: "unavailable" | "connect-timeout" = "unavailable";
  readonly code: StatusCode = StatusCode.UNAVAILABLE;
}

/** No connection came about within `connect.timeoutMs`. */
export class ConnectTimeoutError extends UnavailableError {
  override readonly kind = "connect-timeout";
}

/** The request is wrong, whatever the state of the server. */
export class InvalidArgumentError extends StreamingError {
  readonly kind = "invalid-argument";
  readonly code: StatusCode = StatusCode.INVALID_ARGUMENT;

  /** Which fields are wrong, and how. */
  get fieldViolations(): readonly FieldViolation[] {
    return this.details.badRequest ?? [];
  }
}

export class NotFoundError extends StreamingError {
  readonly kind = "not-found";
  readonly code: StatusCode = StatusCode.NOT_FOUND;
}

export class AlreadyExistsError extends StreamingError {
  readonly kind = "already-exists";
  readonly code: StatusCode = StatusCode.ALREADY_EXISTS;
}

export class PermissionDeniedError extends StreamingError {
  readonly kind = "permission-denied";
  readonly code: StatusCode = StatusCode.PERMISSION_DENIED;
}

/** The credentials are missing, expired or wrong. */
export class UnauthenticatedError extends StreamingError {
  readonly kind = "unauthenticated";
  readonly code: StatusCode = StatusCode.UNAUTHENTICATED;
}

/** A quota or the server's resources are used up. */
export class ResourceExhaustedError extends StreamingError {
  readonly kind: "resource-exhausted" | "message-too-large" = "resource-exhausted";
  readonly code: StatusCode = StatusCode.RESOURCE_EXHAUSTED;
}

/** A message is larger than one side accepts. */
export class MessageTooLargeError extends ResourceExhaustedError {
  override readonly kind = "message-too-large";
  /** Of the message, in bytes, if known. */
  readonly size: number | undefined;
  /** In bytes, if known. */
  readonly limit: number | undefined;
  /** The client option that sets the limit; `undefined`: the server's limit. */
  readonly option: "limits.maxReceiveBytes" | "limits.maxSendBytes" | undefined;

  constructor(
    message: string,
    init: StreamingErrorInit & Partial<Pick<MessageTooLargeError, "size" | "limit" | "option">> = {},
  ) {
    super(message, init);
    this.size = init.size;
    this.limit = init.limit;
    this.option = init.option;
  }
}

/** Not possible in the present state. */
export class FailedPreconditionError extends StreamingError {
  readonly kind = "failed-precondition";
  readonly code: StatusCode = StatusCode.FAILED_PRECONDITION;
}

/** Somebody else was faster; read anew and decide again. */
export class AbortedError extends StreamingError {
  readonly kind = "aborted";
  readonly code: StatusCode = StatusCode.ABORTED;
}

/** What was asked for is not there: a position in a file or a log. */
export class OutOfRangeError extends StreamingError {
  readonly kind = "out-of-range";
  readonly code: StatusCode = StatusCode.OUT_OF_RANGE;

  /** With the reason COMPACTED: token of the oldest position that can still be read from. */
  get oldestPosition(): string | undefined {
    return this.details.metadata["resume_token"];
  }
}

/** What arrived or is stored is not what was sent. */
export class DataLossError extends StreamingError {
  readonly kind = "data-loss";
  readonly code: StatusCode = StatusCode.DATA_LOSS;

  /** What the content should have been, such as a checksum, if known. */
  get expected(): string | undefined {
    return this.details.metadata["expected"];
  }

  /** What it was, if known. */
  get actual(): string | undefined {
    return this.details.metadata["actual"];
  }
}

/** The server does not have this RPC. */
export class UnimplementedError extends StreamingError {
  readonly kind = "unimplemented";
  readonly code: StatusCode = StatusCode.UNIMPLEMENTED;
}

/** One side broke the protocol, or the server failed in a way that it does not explain. */
export class InternalError extends StreamingError {
  readonly kind = "internal";
  readonly code: StatusCode = StatusCode.INTERNAL;
}

export class UnknownError extends StreamingError {
  readonly kind = "unknown";
  readonly code: StatusCode = StatusCode.UNKNOWN;
}
