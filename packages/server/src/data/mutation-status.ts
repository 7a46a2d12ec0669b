import { ServiceError, type Status, StatusCode } from "@millrace/shared-types";

/** The status of what went well. */
export const OK: Status = { code: StatusCode.OK, message: "", details: [] };

/** The failure that is the caller's; what nobody foresaw is thrown on. */
export function callersError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  throw error;
}
