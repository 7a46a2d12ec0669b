import { ChatMessage, ChatMessageKind, decodeMessage, invalidField, ServiceError } from "@millrace/shared-types";

import type { EventDraft, LogEvent } from "../ports/event-log.js";
import type { Mutation, RecordStore } from "../ports/record-store.js";
import { getJson, putJson, removeRecord, untilCommitted } from "../records/json-records.js";

import { appendOnce, type StoredMessage } from "./append-once.js";
import type { ChatStores } from "./chat-deps.js";
import { eventOfPayload, type SentKind } from "./message-draft.js";
import type { Room } from "./room.js";

/** What has become of messages that were edited or redacted: stream, `/`, message id. */
const CHANGES = "chatchanges";
/** Edits and redactions that are being stored: stream, `/`, message id. One that a crash left is stored at the next start. */
const PENDING = "chatpending";

/** What has become of a message. */
export type Change =
  | { readonly redacted: true }
  | {
      readonly redacted?: never;
      /** Position of the edit in the log: a later one replaces it. */
      readonly sequence: number;
      readonly content: string;
      readonly contentType: string;
      readonly editedAt: number;
    };

/** An edit or a redaction that is being stored. */
export interface PendingChange {
  readonly roomId: string;
  readonly stream: string;
  readonly messageId: string;
  readonly kind: SentKind;
  /** The stored form of the message, in base64. */
  readonly payload: string;
}

/** What has become of a message of a stream; `undefined`: nothing. */
export async function changeOf(records: RecordStore, stream: string, messageId: string): Promise<Change | undefined> {
  return (await getJson<Change>(records, CHANGES, keyOf(stream, messageId)))?.value;
}

/** Whether any message of the stream was ever changed. */
export async function hasChanges(records: RecordStore, stream: string): Promise<boolean> {
  return (await records.scan(CHANGES, { prefix: keyOf(stream, ""), limit: 1 })).length > 0;
}

/** @throws ServiceError unless `userId` may edit or redact this message */
export function checkChangeable(message: ChatMessage, userId: string): void {
  if (message.kind !== ChatMessageKind.TEXT)
    throw invalidField("target_message_id", "only a text can be edited or redacted");
  if (message.userId === userId) return;
  const metadata = { permission: "message.author" };
  throw new ServiceError("PERMISSION_DENIED", "only the author may edit or redact a message", { metadata });
}

/**
 * Stores an edit or a redaction in the log and, beside it, what its target is from now on. The intent is
 * stored first: whatever comes between, the rest is done by whoever finds it, the client that sends again
 * or the upkeep.
 */
export async function storeChange(stores: ChatStores, room: Room, event: EventDraft): Promise<StoredMessage> {
  const { kind } = decodeMessage(ChatMessage, event.payload);
  const payload = Buffer.from(event.payload).toString("base64");
  const { roomId, stream } = room;
  const pending: PendingChange = { roomId, stream, messageId: event.id, kind: kind as SentKind, payload };
  room.changing.add(event.id);
  try {
    await stores.records.commit([putJson(PENDING, keyOf(stream, event.id), pending)]);
    return await completeChange(stores, room, pending);
  } finally {
    room.changing.delete(event.id);
  }
}

/** Does what is left to do of a pending change. */
export async function completeChange(stores: ChatStores, room: Room, pending: PendingChange): Promise<StoredMessage> {
  const { stream, messageId, kind, payload } = pending;
  const stored = await appendOnce(stores.log, stream, eventOfPayload(Buffer.from(payload, "base64"), kind, messageId));
  const event = await room.history.eventAt(stored.sequence);
  const done = removeRecord(PENDING, keyOf(stream, messageId));
  await untilCommitted(async () => stores.records.commit([...(await changeMade(stores.records, event)), done]));
  room.messages.onChange();
  return stored;
}

/** Changes that are being stored or were left behind, at most `limit`. */
export async function listPending(records: RecordStore, limit: number): Promise<readonly PendingChange[]> {
  return (await records.scan(PENDING, { limit })).map(({ value }) => JSON.parse(value) as PendingChange);
}

/** How to forget the pending changes of a stream, at most `limit` of them. */
export async function pendingOf(records: RecordStore, stream: string, limit: number): Promise<readonly Mutation[]> {
  const found = await records.scan(PENDING, { prefix: keyOf(stream, ""), limit });
  return found.map(({ key }) => removeRecord(PENDING, key));
}

/** Of two edits the later one in the log counts, and any redaction more than both. */
async function changeMade(records: RecordStore, event: LogEvent | undefined): Promise<readonly Mutation[]> {
  if (event === undefined) return []; // retention was faster
  const { kind, targetMessageId, content, contentType } = decodeMessage(ChatMessage, event.payload);
  const key = keyOf(event.stream, targetMessageId);
  const { version, value: before } = (await getJson<Change>(records, CHANGES, key)) ?? { version: 0, value: undefined };
  if (kind !== ChatMessageKind.EDIT && kind !== ChatMessageKind.REDACT) return []; // its id was that of another message
  if (kind === ChatMessageKind.REDACT) return [putJson(CHANGES, key, { redacted: true } satisfies Change, version)];
  const { sequence, storedAtMs: editedAt } = event;
  if (before?.redacted === true || (before?.sequence ?? 0) >= sequence) return [];
  return [putJson(CHANGES, key, { sequence, content, contentType, editedAt } satisfies Change, version)];
}

/** Messages of a stream that were changed, in order of their ids, and how to forget it. */
export async function changesAfter(
  records: RecordStore,
  stream: string,
  after: string | undefined,
  limit: number,
): Promise<readonly { readonly messageId: string; readonly remove: Mutation }[]> {
  const prefix = keyOf(stream, "");
  const options = { prefix, limit, ...(after !== undefined && { after: keyOf(stream, after) }) };
  const found = await records.scan(CHANGES, options);
  return found.map(({ key }) => ({ messageId: key.slice(prefix.length), remove: removeRecord(CHANGES, key) }));
}

function keyOf(stream: string, messageId: string): string {
  return `${stream}/${messageId}`;
}
