import { randomUUID } from "node:crypto";

import {
  type ChatMessage as WireChatMessage,
  ChatMessageKind as WireKind,
  type PartialMessage,
  toDate,
} from "@millrace/shared-types";

import { present } from "../files/file-info.js";
import { checkMessage } from "./check-chat-options.js";
import type { ChatMessage, ChatMessageKind, OutgoingChatMessage } from "./types.js";

/** A message as it is sent. */
export type SentMessage = PartialMessage<WireChatMessage> & {
  readonly content: string;
  readonly clientMessageId: string;
};

const KINDS: ReadonlyMap<number, ChatMessageKind> = new Map([
  [WireKind.EDIT, "edit"],
  [WireKind.REDACT, "redact"],
  [WireKind.REACTION, "reaction"],
  [WireKind.SYSTEM, "system"],
]);

/**
 * The public form of a message.
 *
 * @param epoch of the room, which the message itself does not carry
 * @throws {InternalError} if the server left out what it promises
 */
export function toChatMessage(message: WireChatMessage, epoch: string): ChatMessage {
  const { messageId, roomId, userId, content, timestamp, sequence, targetMessageId, editTime } = message;
  return {
    id: messageId,
    room: roomId,
    userId,
    content,
    time: toDate(present(timestamp, "message.timestamp")),
    sequence,
    epoch,
    kind: KINDS.get(message.kind) ?? "text",
    targetId: targetMessageId === "" ? undefined : targetMessageId,
    metadata: Object.fromEntries(message.metadata),
    contentType: message.contentType === "" ? "text/plain" : message.contentType,
    editedAt: editTime && toDate(editTime),
    redacted: message.redacted,
    attachments: message.attachments,
    clientMessageId: message.clientMessageId,
  };
}

/**
 * Wire form of a text.
 *
 * @throws {TypeError} if it is none
 */
export function textMessage(roomId: string, message: string | OutgoingChatMessage): SentMessage {
  checkMessage(message);
  const {
    content,
    replyTo = "",
    metadata = {},
    contentType = "",
    attachments = [],
    clientMessageId,
  } = typeof message === "string" ? { content: message } : message;
  return {
    roomId,
    content,
    clientMessageId: clientMessageId ?? randomUUID(),
    kind: WireKind.TEXT,
    targetMessageId: replyTo,
    metadata: new Map(Object.entries(metadata)),
    contentType,
    attachments: [...attachments],
  };
}

/** Wire form of a message that changes another one. */
export function changeMessage(
  roomId: string,
  kind: "edit" | "redact" | "reaction",
  targetMessageId: string,
  content: string,
  remove: boolean = false,
): SentMessage {
  const wireKind = { edit: WireKind.EDIT, redact: WireKind.REDACT, reaction: WireKind.REACTION }[kind];
  const metadata = new Map(remove ? [["remove", "true"]] : []);
  return { roomId, content, clientMessageId: randomUUID(), kind: wireKind, targetMessageId, metadata };
}
