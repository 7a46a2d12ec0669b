import { decodeMessage, encodeStatusDetails, ServiceError, Status, StatusCode } from "@millrace/shared-types";

/** The status of what went well. */
export const OK: Status = { code: StatusCode.OK, message: "", details: [] };

/** A failure of one element of a request as its own status. */
export function statusOf(error: ServiceError): Status {
  return decodeMessage(Status, encodeStatusDetails(error));
}

/** The failure that is the caller's; what nobody foresaw is thrown on. */
export function callersError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  throw error;
}
