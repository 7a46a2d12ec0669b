import {
  type ChatError,
  encodeMessage,
  REASON_DOMAIN,
  Status,
  STATUS_DETAILS_KEY,
  type StatusCode,
} from "@millrace/shared-types";

import { FailedPreconditionError, OutOfRangeError, type StreamingError } from "../errors.js";
import { toStreamingError } from "../rpc/to-streaming-error.js";
import type { ChatGap } from "./types.js";

/** Names the call in errors that are no status of it. */
export const CHAT_METHOD = "streaming.v1.ChatService/Chat";

/** What the server refused a message or a join with: the same error as if a call had failed with it. */
export function refusalOf({ status }: ChatError): StreamingError {
  const told = status ?? Status.fromPartial({});
  const trailers = { [STATUS_DETAILS_KEY]: encodeMessage(Status, told) };
  const { code, message } = told;
  return toStreamingError({ code: code as StatusCode, message, trailers, origin: "server" }, { method: CHAT_METHOD });
}

/** What a room fails with if nobody asked to be told of gaps. */
export function gapError(room: string, { reason, after, resumedAfter }: ChatGap): StreamingError {
  const isRebuilt = reason === "EPOCH_CHANGED";
  const message = isRebuilt
    ? `the history of room ${room} was built anew: position ${String(after.sequence)} of ${after.epoch} means nothing now`
    : `messages ${String(after.sequence + 1)} to ${String(resumedAfter.sequence)} of room ${room} are no longer stored`;
  const metadata = isRebuilt ? { epoch: resumedAfter.epoch } : { first_sequence: String(resumedAfter.sequence + 1) };
  const details = { reason, domain: REASON_DOMAIN, metadata, unknown: [] };
  const init = { method: CHAT_METHOD, origin: "server", details } as const;
  return isRebuilt ? new FailedPreconditionError(message, init) : new OutOfRangeError(message, init);
}

/** What a room fails with whose newest message is older than one that was there. */
export function futurePosition(room: string, sequence: number, lastSequence: number): StreamingError {
  const message = `room ${room} ends with message ${String(lastSequence)}, before position ${String(sequence)}`;
  const metadata = { last_sequence: String(lastSequence) };
  const details = { reason: "FUTURE_POSITION", domain: REASON_DOMAIN, metadata, unknown: [] };
  return new OutOfRangeError(message, { method: CHAT_METHOD, origin: "server", details });
}
