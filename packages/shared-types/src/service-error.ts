import { REASON_DOMAIN, REASONS, type Reason } from "./reasons.js";
import type { StatusCode } from "./status-code.js";

/** One field that a request got wrong. */
export interface FieldViolation {
  /** Path in the request, such as `spec.filename`. */
  readonly field: string;
  /** What was found and what was expected. */
  readonly description: string;
}

export interface ServiceErrorOptions {
  /** Facts about this occurrence, by the keys that {@link REASONS} lists. */
  readonly metadata?: Readonly<Record<string, string | number>>;
  /** When another attempt makes sense, in milliseconds from now. Sent as RetryInfo. */
  readonly retryAfterMs?: number;
  /** Sent as BadRequest. */
  readonly fieldViolations?: readonly FieldViolation[];
  /** Goes to the log, never to the wire. */
  readonly cause?: unknown;
}

/**
 * A failure that the caller is told about: code, reason and message travel as they
 * are. Anything else that a handler throws leaves as INTERNAL with an error id.
 */
export class ServiceError extends Error {
  readonly code: StatusCode;
  readonly reason: string | undefined;
  readonly domain: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly retryAfterMs: number | undefined;
  readonly fieldViolations: readonly FieldViolation[];

  /** A failure with one of the contract's reasons; the code follows from the reason. */
  constructor(reason: Reason, message: string, options: ServiceErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.name = "ServiceError";
    this.code = REASONS[reason].code;
    this.reason = reason;
    this.domain = REASON_DOMAIN;
    this.metadata = stringValues(options.metadata);
    this.retryAfterMs = options.retryAfterMs;
    this.fieldViolations = options.fieldViolations ?? [];
  }
}

/** INVALID_ARGUMENT about one field of a request. */
export function invalidField(field: string, description: string): ServiceError {
  return new ServiceError("INVALID_FIELD", `${field}: ${description}`, {
    fieldViolations: [{ field, description }],
  });
}

/** INVALID_ARGUMENT about the order or make-up of a stream's messages. */
export function protocolViolation(expected: string): ServiceError {
  return new ServiceError("PROTOCOL_VIOLATION", `expected ${expected}`, { metadata: { expected } });
}

/** NOT_FOUND about one resource, such as `file "k7…"`. */
export function resourceNotFound(type: string, name: string): ServiceError {
  return new ServiceError("RESOURCE_NOT_FOUND", `${type} ${JSON.stringify(name)} not found`, {
    metadata: { resource_type: type, resource_name: name },
  });
}

function stringValues(metadata: ServiceErrorOptions["metadata"] = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, String(value)]));
}
