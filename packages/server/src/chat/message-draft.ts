import { createHash } from "node:crypto";

import {
  ChatMessage,
  ChatMessageKind,
  encodeMessage,
  invalidField,
  MAX_CONTENT_TYPE_BYTES,
  MAX_IDEMPOTENCY_KEY_BYTES,
} from "@millrace/shared-types";

import { checkBytes, checkLimit } from "../events/check-limit.js";
import type { EventDraft } from "../ports/event-log.js";
import { newId } from "../records/new-id.js";

import type { Caller } from "./caller.js";
import type { ChatLimits } from "./chat-deps.js";

const MAX_METADATA_ENTRIES = 32;
const MAX_METADATA_BYTES = 4 * 1024;
const MAX_ATTACHMENTS = 10;
const MAX_FILE_ID_BYTES = 255;
const MAX_MESSAGE_ID_BYTES = 64;

/** Messages that clients may send, and the types of their events. */
export type SentKind = ChatMessageKind.TEXT | ChatMessageKind.EDIT | ChatMessageKind.REDACT | ChatMessageKind.REACTION;

const EVENT_TYPES: Readonly<Record<SentKind, string>> = {
  [ChatMessageKind.TEXT]: "chat.text",
  [ChatMessageKind.EDIT]: "chat.edit",
  [ChatMessageKind.REDACT]: "chat.redact",
  [ChatMessageKind.REACTION]: "chat.reaction",
};

/** Type of the events that are texts: all that a seed-style client gets. */
export const TEXT_TYPE: string = EVENT_TYPES[ChatMessageKind.TEXT];

/** A checked message, with what the server knows before it is stored. */
export type MessageDraft = Pick<
  ChatMessage,
  "userId" | "content" | "clientMessageId" | "targetMessageId" | "metadata" | "contentType" | "attachments"
> & { readonly kind: SentKind };

/**
 * Checks a message of `caller`. What only the server knows (author, time, ids) is not taken from it.
 *
 * @throws ServiceError `INVALID_FIELD` or `LIMIT_EXCEEDED`
 */
export function draftOf(message: ChatMessage, caller: Caller, limits: ChatLimits): MessageDraft {
  const { content, clientMessageId, targetMessageId, metadata, contentType, attachments } = message;
  const kind = kindOf(message);
  checkContent(message, kind, limits.maxChatMessageBytes);
  checkTarget(kind, targetMessageId);
  checkMetadata(metadata);
  checkAttachments(kind, attachments);
  checkBytes("client_message_id", "max_idempotency_key_bytes", MAX_IDEMPOTENCY_KEY_BYTES, clientMessageId);
  checkBytes("content_type", "max_content_type_bytes", MAX_CONTENT_TYPE_BYTES, contentType);
  return { userId: caller.userId, kind, content, clientMessageId, targetMessageId, metadata, contentType, attachments };
}

/**
 * Identifier of a message. With a `client_message_id` the same for every message that this user sends to
 * this stream with it: that is how it is stored once. Anonymous callers are one user as far as that goes, so
 * that one of them can send again over a new stream; that two of them do not take each other's ids, the
 * content counts too.
 */
export function messageIdOf(draft: MessageDraft, callerId: string, stream: string): string {
  const { clientMessageId, kind, content, targetMessageId } = draft;
  if (clientMessageId === "") return newId();
  const parts = [stream, callerId, clientMessageId, ...(callerId === "" ? [kind, content, targetMessageId] : [])];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}

/** A message as the log keeps it; the event's id is the message's. */
export function eventOf(draft: MessageDraft, messageId: string): EventDraft {
  return eventOfPayload(encodeMessage(ChatMessage, ChatMessage.fromPartial(draft)), draft.kind, messageId);
}

/** The event that holds a message, serialized. */
export function eventOfPayload(payload: Uint8Array, kind: SentKind, messageId: string): EventDraft {
  return { id: messageId, key: "", type: EVENT_TYPES[kind], tombstone: false, head: NOTHING, payload };
}

const NOTHING = new Uint8Array(0);

function kindOf({ kind }: ChatMessage): SentKind {
  if (kind === ChatMessageKind.UNSPECIFIED) return ChatMessageKind.TEXT;
  if (Object.hasOwn(EVENT_TYPES, kind)) return kind as SentKind;
  throw invalidField("kind", "must be TEXT, EDIT, REDACT or REACTION");
}

function checkContent({ content, attachments }: ChatMessage, kind: SentKind, maxBytes: number): void {
  checkBytes("content", "max_chat_message_bytes", maxBytes, content);
  const isEmpty = content === "";
  if (kind === ChatMessageKind.REDACT) {
    if (!isEmpty) throw invalidField("content", "must be empty in a redaction");
  } else if (isEmpty && (kind !== ChatMessageKind.TEXT || attachments.length === 0)) {
    throw invalidField("content", "must not be empty");
  }
}

function checkTarget(kind: SentKind, targetMessageId: string): void {
  checkBytes("target_message_id", "max_message_id_bytes", MAX_MESSAGE_ID_BYTES, targetMessageId);
  if (kind === ChatMessageKind.TEXT || targetMessageId !== "") return;
  throw invalidField("target_message_id", "must be set in an edit, a redaction and a reaction");
}

function checkMetadata(metadata: ReadonlyMap<string, string>): void {
  checkLimit("metadata", "max_chat_metadata_entries", MAX_METADATA_ENTRIES, metadata.size);
  let bytes = 0;
  for (const [key, value] of metadata) bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  checkLimit("metadata", "max_chat_metadata_bytes", MAX_METADATA_BYTES, bytes);
}

function checkAttachments(kind: SentKind, attachments: readonly string[]): void {
  checkLimit("attachments", "max_attachments", MAX_ATTACHMENTS, attachments.length);
  if (attachments.length > 0 && kind !== ChatMessageKind.TEXT)
    throw invalidField("attachments", "only a text has them");
  for (const fileId of attachments) {
    if (fileId === "") throw invalidField("attachments", "must not hold an empty file_id");
    checkBytes("attachments", "max_file_id_bytes", MAX_FILE_ID_BYTES, fileId);
  }
}
