import {
  decodeStatusDetails,
  type ErrorDetails,
  isReason,
  REASON_DOMAIN,
  REASONS,
  STATUS_DETAILS_KEY,
  StatusCode,
} from "@millrace/shared-types";

import {
  AbortedError,
  AlreadyExistsError,
  CancelledError,
  ConnectTimeoutError,
  DataLossError,
  DeadlineExceededError,
  FailedPreconditionError,
  InternalError,
  InvalidArgumentError,
  MessageTooLargeError,
  NotFoundError,
  OutOfRangeError,
  PermissionDeniedError,
  ResourceExhaustedError,
  type StreamingError,
  type StreamingErrorInit,
  UnauthenticatedError,
  UnavailableError,
  UnimplementedError,
  UnknownError,
} from "../errors.js";
import type { HeaderMap, TransportStatus } from "./transport.js";

/** What a status does not say about its call. */
export interface CallFacts {
  readonly method: string;
  readonly peer?: string | undefined;
  /** Response headers, as far as they came. */
  readonly headers?: HeaderMap | undefined;
  /** Whether new credentials can be had, should these have been refused. */
  readonly canRenewCredentials?: boolean;
}

type ErrorClass = new (message: string, init: StreamingErrorInit) => StreamingError;

/** By gRPC code; where one code has several classes, {@link classOf} decides. */
const CLASSES: Readonly<Record<StatusCode, ErrorClass>> = {
  // A call that ends well without being done is against the protocol.
  [StatusCode.OK]: InternalError,
  [StatusCode.CANCELLED]: CancelledError,
  [StatusCode.UNKNOWN]: UnknownError,
  [StatusCode.INVALID_ARGUMENT]: InvalidArgumentError,
  [StatusCode.DEADLINE_EXCEEDED]: DeadlineExceededError,
  [StatusCode.NOT_FOUND]: NotFoundError,
  [StatusCode.ALREADY_EXISTS]: AlreadyExistsError,
  [StatusCode.PERMISSION_DENIED]: PermissionDeniedError,
  [StatusCode.RESOURCE_EXHAUSTED]: ResourceExhaustedError,
  [StatusCode.FAILED_PRECONDITION]: FailedPreconditionError,
  [StatusCode.ABORTED]: AbortedError,
  [StatusCode.OUT_OF_RANGE]: OutOfRangeError,
  [StatusCode.UNIMPLEMENTED]: UnimplementedError,
  [StatusCode.INTERNAL]: InternalError,
  [StatusCode.UNAVAILABLE]: UnavailableError,
  [StatusCode.DATA_LOSS]: DataLossError,
  [StatusCode.UNAUTHENTICATED]: UnauthenticatedError,
};

/** The message with which a transport says that no connection came about in time. */
export const CONNECT_TIMEOUT = "connect timeout";

/** The limit that grpc-js and our own transports name when a message is too large. */
const TOO_LARGE = /larger than(?: max)? \(?(\d+)(?: vs\.? (\d+))?/;

/** The error that tells a caller how a call ended. */
export function toStreamingError(status: TransportStatus, facts: CallFacts): StreamingError {
  const details = detailsOf(status.trailers);
  const pushbackMs = pushbackOf(status.trailers);
  const init = {
    method: facts.method,
    origin: status.origin,
    retryable: pushbackMs !== "never" && (isRetryable(status, details) || mayRenew(status, facts)),
    retryAfterMs: pushbackMs === "never" ? undefined : pushbackMs,
    details,
    peer: facts.peer,
    requestId: textOf(status.trailers["x-request-id"]) ?? textOf(facts.headers?.["x-request-id"]),
    ...("cause" in status && { cause: status.cause }),
  };
  const message = messageOf(status) || `${facts.method} failed`;
  const tooLarge = status.code === StatusCode.RESOURCE_EXHAUSTED && TOO_LARGE.exec(status.message);
  if (tooLarge) return messageTooLarge(message, init, tooLarge);
  return new (classOf(status))(message, init);
}

/** Without the heading of a note that grpc-js 1.14.7 leaves empty. */
function messageOf({ message, origin }: TransportStatus): string {
  return origin === "server" ? message : message.replace(/ Resolution note: *$/, "");
}

function classOf({ code, origin, message }: TransportStatus): ErrorClass {
  if (code === StatusCode.UNAVAILABLE && origin !== "server" && message.includes(CONNECT_TIMEOUT)) {
    return ConnectTimeoutError;
  }
  // A server may write any number.
  return (CLASSES as Partial<typeof CLASSES>)[code] ?? UnknownError;
}

function messageTooLarge(
  message: string,
  init: StreamingErrorInit,
  [, first, second]: RegExpExecArray,
): StreamingError {
  const [size, limit] = second === undefined ? [undefined, first] : [first, second];
  return new MessageTooLargeError(message, {
    ...init,
    size: size === undefined ? undefined : Number(size),
    limit: Number(limit),
    option: init.origin === "client" ? "limits.maxReceiveBytes" : undefined,
  });
}

function detailsOf(trailers: HeaderMap): ErrorDetails | undefined {
  const bytes = trailers[STATUS_DETAILS_KEY];
  return bytes instanceof Uint8Array ? decodeStatusDetails(bytes) : undefined;
}

/** gRPC A6: when the server wants to see the call again; a negative or odd value means never. */
function pushbackOf(trailers: HeaderMap): number | "never" | undefined {
  const pushback = textOf(trailers["grpc-retry-pushback-ms"]);
  if (pushback === undefined) return undefined;
  return /^\d{1,9}$/.test(pushback) ? Number(pushback) : "never";
}

/** The reason decides if there is a known one; else what the code and its origin say. */
function isRetryable({ code, origin }: TransportStatus, details: ErrorDetails | undefined): boolean {
  const { reason, domain, retryAfterMs } = details ?? {};
  if (domain === REASON_DOMAIN && reason !== undefined && isReason(reason)) return REASONS[reason].retryable;
  if (retryAfterMs !== undefined) return true;
  switch (code) {
    // Made here: there is no such address, or no connection any more.
    case StatusCode.UNAVAILABLE:
    // A server that drains resets its streams, which arrives as CANCELLED.
    case StatusCode.CANCELLED:
      return origin !== "client";
    // Made up by the transport when a stream was reset or cut.
    case StatusCode.UNKNOWN:
    case StatusCode.INTERNAL:
    case StatusCode.RESOURCE_EXHAUSTED:
      return origin === "transport";
    default:
      return false;
  }
}

/** With a provider that can renew them, refused credentials are worth another attempt. */
function mayRenew({ code, origin }: TransportStatus, { canRenewCredentials }: CallFacts): boolean {
  return code === StatusCode.UNAUTHENTICATED && origin === "server" && canRenewCredentials === true;
}

function textOf(value: string | Uint8Array | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}
