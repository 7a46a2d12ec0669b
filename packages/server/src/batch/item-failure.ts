import { isReason, REASONS, ServiceError, type Status, StatusCode, statusOf } from "@millrace/shared-types";

import type { Logger } from "../rpc/logger.js";
import type { StatusError } from "../rpc/status-error.js";
import { toCallerError } from "../rpc/to-status.js";

/** A failure as the caller is told of it. What nobody foresaw is INTERNAL with an id, and goes to the log. */
export function failureOf(error: unknown, errorId: string, log: Logger): ServiceError | StatusError {
  const told = toCallerError(error, errorId);
  if (told !== error) log.error({ err: error, errorId }, "a processor failed");
  return told;
}

/** Of a status, in UTF-16 code units: processors may say anything. */
const MAX_MESSAGE_LENGTH = 1024;

/** The status that carries a failure. */
export function statusOfFailure(failure: ServiceError | StatusError): Status {
  const message = failure.message.slice(0, MAX_MESSAGE_LENGTH).toWellFormed();
  if (!(failure instanceof ServiceError)) return { code: failure.code, message, details: [] };
  return { ...statusOf(failure), message };
}

/** Whether another attempt at once may succeed: `max_attempts` counts these. */
export function isWorthAnother({ code, ...failure }: ServiceError | StatusError): boolean {
  if (code === StatusCode.UNAVAILABLE) return true;
  if (code !== StatusCode.ABORTED) return false;
  const reason = "reason" in failure ? failure.reason : undefined;
  return reason === undefined || !isReason(reason) || REASONS[reason].retryable;
}

/** Failures that say nothing about the item itself: the next one with its idempotency key is run again. */
const MENDABLE: ReadonlySet<number> = new Set([
  StatusCode.CANCELLED,
  StatusCode.UNKNOWN,
  StatusCode.DEADLINE_EXCEEDED,
  StatusCode.RESOURCE_EXHAUSTED,
  StatusCode.ABORTED,
  StatusCode.INTERNAL,
  StatusCode.UNAVAILABLE,
]);

/** Whether an outcome is kept for those who come with the same idempotency key. */
export function isForGood({ code }: Pick<Status, "code">): boolean {
  return !MENDABLE.has(code);
}
