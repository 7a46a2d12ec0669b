import { Metadata } from "@grpc/grpc-js";
import { encodeStatusDetails, ServiceError, STATUS_DETAILS_KEY, StatusCode } from "@millrace/shared-types";

import type { HeaderMap } from "./call-context.js";
import { toMetadata } from "./header-map.js";
import { StatusError } from "./status-error.js";
import type { WireStatus } from "./wire-call.js";

/** Of `grpc-message`, in UTF-16 code units: trailers share the peer's limit on headers. */
const MAX_MESSAGE_LENGTH = 1_024;

const REQUEST_ID_KEY = "x-request-id";

/** The status of a call that went well. */
export function okStatus(requestId: string, trailers: HeaderMap): WireStatus {
  return { code: StatusCode.OK, details: "", metadata: trailersOf(requestId, trailers) };
}

/** The error that the caller is told about in place of `error`: itself, or INTERNAL with an id if nobody foresaw it. */
export function toCallerError(error: unknown, errorId: string): ServiceError | StatusError {
  if (error instanceof ServiceError || error instanceof StatusError) return error;
  return new ServiceError("INTERNAL", "internal error", { metadata: { error_id: errorId }, cause: error });
}

/** The status that carries `error`. Never throws. */
export function toStatus(error: ServiceError | StatusError, requestId: string, trailers: HeaderMap): WireStatus {
  const metadata = trailersOf(requestId, trailers);
  if (error instanceof ServiceError) metadata.set(STATUS_DETAILS_KEY, Buffer.from(encodeStatusDetails(error)));
  return { code: error.code, details: toWireMessage(error.message), metadata };
}

/**
 * A message that grpc-js can send: a lone surrogate makes its `encodeURI` throw inside an event and end
 * the process (1.14.7, server-interceptors.ts:972).
 */
function toWireMessage(message: string): string {
  return Buffer.from(message.slice(0, MAX_MESSAGE_LENGTH)).toString();
}

/** Trailers that are not valid in HTTP/2 are left out: by now nobody can be told. */
function trailersOf(requestId: string, trailers: HeaderMap): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(trailers)) {
    try {
      metadata.merge(toMetadata({ [name]: value }));
    } catch {
      continue;
    }
  }
  metadata.set(REQUEST_ID_KEY, requestId);
  return metadata;
}
