import { encodeMessage, Status, STATUS_DETAILS_KEY, type StatusCode } from "@millrace/shared-types";

import type { StreamingError } from "../errors.js";
import { toStreamingError } from "./to-streaming-error.js";

/** The error that a status inside of an answer stands for. */
export function statusError(status: Status, method: string): StreamingError {
  const trailers = { [STATUS_DETAILS_KEY]: encodeMessage(Status, status) };
  const { code, message } = status;
  return toStreamingError({ code: code as StatusCode, message, trailers, origin: "server" }, { method });
}
