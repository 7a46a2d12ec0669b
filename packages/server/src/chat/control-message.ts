import type { ChatControl, ServiceError } from "@millrace/shared-types";
import { ChatMessage, decodeMessage, encodeStatusDetails, Status } from "@millrace/shared-types";

/** What a control is about. */
interface Subject {
  readonly roomId?: string;
  readonly userId?: string;
}

const EMPTY: ChatMessage = ChatMessage.fromPartial({});

/** A message about a chat stream. */
export function controlMessage(kind: NonNullable<ChatControl["kind"]>, subject: Subject = {}): ChatMessage {
  return { ...EMPTY, ...subject, control: { kind } };
}

/** What a client gave for an id is repeated up to here, in UTF-16 code units: what waits to be sent is bounded. */
const MAX_ID_LENGTH = 255;

/** Tells that a message of the client, or its place in a room, is refused. */
export function errorMessage(error: ServiceError, roomId: string, clientMessageId = ""): ChatMessage {
  const status = decodeMessage(Status, encodeStatusDetails(error));
  const value = { clientMessageId: clientMessageId.slice(0, MAX_ID_LENGTH), status };
  return controlMessage({ $case: "error", value }, { roomId: roomId.slice(0, MAX_ID_LENGTH) });
}
