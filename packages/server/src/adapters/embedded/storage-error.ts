import { ServiceError } from "@millrace/shared-types";

/**
 * What a caller may know about a failed disk operation: never a path. `doing` says what was
 * being done, such as "write an upload".
 */
export function storageError(error: unknown, doing: string): ServiceError {
  if (error instanceof ServiceError) return error;
  if (isDiskFull(error)) return new ServiceError("QUOTA_EXCEEDED", "the disk of the server is full", { cause: error });
  return new ServiceError("BACKEND_UNAVAILABLE", `the server cannot ${doing}`, { cause: error, retryAfterMs: 1000 });
}

/** Whether there was no space left: nothing is broken, and writing works again once there is. */
export function isDiskFull(error: unknown): boolean {
  const code = errorCode(error);
  return code === "ENOSPC" || code === "EDQUOT";
}

/** Whether a file or folder was not there. */
export function isMissing(error: unknown): boolean {
  return errorCode(error) === "ENOENT";
}

function errorCode(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}
