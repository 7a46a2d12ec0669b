import { decodeMessage, encodeStatusDetails, type ServiceError, Status } from "@millrace/shared-types";

/** An error as it travels within a message. */
export function statusOf(error: ServiceError): Status {
  return decodeMessage(Status, encodeStatusDetails(error));
}
