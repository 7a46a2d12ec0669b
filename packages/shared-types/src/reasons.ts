import type { ErrorReason } from "#gen/streaming/v1/common.js";

import { StatusCode } from "./status-code.js";

/** A machine-readable reason of an error of this contract: the names of the proto enum. */
export type Reason = Exclude<keyof typeof ErrorReason, "UNSPECIFIED" | "UNRECOGNIZED">;

/** What a reason means for a caller. */
export interface ReasonRule {
  readonly code: StatusCode;
  /** The same call, sent again unchanged, may succeed. */
  readonly retryable: boolean;
  /** Keys that ErrorInfo.metadata carries with this reason. */
  readonly metadata: readonly string[];
}

/**
 * The only place where a reason meets its gRPC code. Equal to the enum
 * `ErrorReason` of common.proto and to docs/errors.md, tested both ways.
 */
export const REASONS: Readonly<Record<Reason, ReasonRule>> = {
  INVALID_FIELD: { code: StatusCode.INVALID_ARGUMENT, retryable: false, metadata: [] },
  MALFORMED_MESSAGE: { code: StatusCode.INVALID_ARGUMENT, retryable: false, metadata: [] },
  INVALID_FILTER: { code: StatusCode.INVALID_ARGUMENT, retryable: false, metadata: ["position", "detail"] },
  INVALID_CURSOR: { code: StatusCode.INVALID_ARGUMENT, retryable: false, metadata: [] },
  PROTOCOL_VIOLATION: { code: StatusCode.INVALID_ARGUMENT, retryable: false, metadata: ["expected"] },
  LIMIT_EXCEEDED: { code: StatusCode.INVALID_ARGUMENT, retryable: false, metadata: ["limit", "max", "actual"] },
  UNAUTHENTICATED: { code: StatusCode.UNAUTHENTICATED, retryable: false, metadata: [] },
  PERMISSION_DENIED: { code: StatusCode.PERMISSION_DENIED, retryable: false, metadata: ["permission"] },
  RATE_LIMITED: { code: StatusCode.RESOURCE_EXHAUSTED, retryable: true, metadata: ["quota"] },
  QUOTA_EXCEEDED: { code: StatusCode.RESOURCE_EXHAUSTED, retryable: false, metadata: [] },
  RESOURCE_NOT_FOUND: {
    code: StatusCode.NOT_FOUND,
    retryable: false,
    metadata: ["resource_type", "resource_name"],
  },
  RESOURCE_EXISTS: {
    code: StatusCode.ALREADY_EXISTS,
    retryable: false,
    metadata: ["resource_type", "resource_name"],
  },
  REVISION_MISMATCH: { code: StatusCode.ABORTED, retryable: false, metadata: ["expected", "actual"] },
  IDEMPOTENCY_CONFLICT: { code: StatusCode.ABORTED, retryable: false, metadata: [] },
  UNSAFE_FILENAME: { code: StatusCode.INVALID_ARGUMENT, retryable: false, metadata: [] },
  UPLOAD_OFFSET_MISMATCH: { code: StatusCode.OUT_OF_RANGE, retryable: false, metadata: ["committed_size"] },
  UPLOAD_SIZE_MISMATCH: {
    code: StatusCode.OUT_OF_RANGE,
    retryable: false,
    metadata: ["committed_size", "total_size"],
  },
  CHECKSUM_MISMATCH: {
    code: StatusCode.INVALID_ARGUMENT,
    retryable: false,
    metadata: ["scope", "offset", "expected", "actual"],
  },
  UPLOAD_EXPIRED: { code: StatusCode.NOT_FOUND, retryable: false, metadata: [] },
  UPLOAD_PREEMPTED: { code: StatusCode.ABORTED, retryable: false, metadata: [] },
  CORRUPT_DATA: { code: StatusCode.DATA_LOSS, retryable: false, metadata: ["offset"] },
  COMPACTED: { code: StatusCode.OUT_OF_RANGE, retryable: false, metadata: ["first_sequence", "resume_token"] },
  FUTURE_POSITION: { code: StatusCode.OUT_OF_RANGE, retryable: false, metadata: ["last_sequence"] },
  EPOCH_CHANGED: { code: StatusCode.FAILED_PRECONDITION, retryable: false, metadata: ["epoch"] },
  SLOW_CONSUMER: { code: StatusCode.RESOURCE_EXHAUSTED, retryable: true, metadata: ["resume_token"] },
  CONSUMER_REPLACED: { code: StatusCode.ABORTED, retryable: false, metadata: [] },
  SNAPSHOT_EXPIRED: { code: StatusCode.FAILED_PRECONDITION, retryable: false, metadata: ["snapshot_id"] },
  INVALID_QUERY: { code: StatusCode.INVALID_ARGUMENT, retryable: false, metadata: [] },
  QUERY_NOT_READ_ONLY: { code: StatusCode.PERMISSION_DENIED, retryable: false, metadata: [] },
  QUERY_CANCELLED: { code: StatusCode.CANCELLED, retryable: false, metadata: [] },
  QUERY_TIMEOUT: { code: StatusCode.DEADLINE_EXCEEDED, retryable: false, metadata: ["timeout_ms"] },
  QUERY_LIMIT: { code: StatusCode.RESOURCE_EXHAUSTED, retryable: false, metadata: [] },
  DRAINING: { code: StatusCode.UNAVAILABLE, retryable: true, metadata: ["resume_token"] },
  BACKEND_UNAVAILABLE: { code: StatusCode.UNAVAILABLE, retryable: true, metadata: [] },
  FEATURE_DISABLED: { code: StatusCode.FAILED_PRECONDITION, retryable: false, metadata: [] },
  STREAM_IDLE: { code: StatusCode.DEADLINE_EXCEEDED, retryable: true, metadata: ["idle_timeout_ms"] },
  STREAM_STALLED: { code: StatusCode.ABORTED, retryable: true, metadata: ["stall_timeout_ms", "resume_token"] },
  INTERNAL: { code: StatusCode.INTERNAL, retryable: false, metadata: ["error_id"] },
};

/** ErrorInfo.domain of every reason above. */
export const REASON_DOMAIN = "streaming.v1";

/** Whether `reason` is one of this contract's. */
export function isReason(reason: string): reason is Reason {
  return Object.hasOwn(REASONS, reason);
}
