import { ChatMessage, ChatMessageKind, decodeMessage, resourceNotFound } from "@millrace/shared-types";

import { appendOnce, findStored, type StoredMessage } from "./append-once.js";
import type { ChatStores } from "./chat-deps.js";
import { changeOf, checkChangeable, storeChange } from "./changes.js";
import { eventOf, type MessageDraft } from "./message-draft.js";
import type { Room } from "./room.js";

/**
 * Stores a message in `room`; resolves once it is durable. If the room has a message of that id, nothing is
 * stored, whatever the content is now.
 *
 * @throws ServiceError `RESOURCE_NOT_FOUND` if its target is not in the room, `INVALID_FIELD` if the target is
 *   nothing that it can change, `PERMISSION_DENIED` if it changes what another has written
 */
export async function storeMessage(
  stores: ChatStores,
  room: Room,
  draft: MessageDraft,
  messageId: string,
): Promise<StoredMessage> {
  const event = eventOf(draft, messageId);
  try {
    await checkTarget(stores, room.stream, draft);
  } catch (error) {
    // The target may have changed since it was stored: the answer is still that it is stored.
    const first = await findStored(stores.log, room.stream, messageId);
    if (first === undefined) throw error;
    return first;
  }
  return room.storing(() =>
    isChange(draft) ? storeChange(stores, room, event) : appendOnce(stores.log, room.stream, event),
  );
}

function isChange({ kind }: MessageDraft): boolean {
  return kind === ChatMessageKind.EDIT || kind === ChatMessageKind.REDACT;
}

async function checkTarget(stores: ChatStores, stream: string, draft: MessageDraft): Promise<void> {
  const { targetMessageId, userId } = draft;
  if (targetMessageId === "") return;
  const target = await stores.log.find(stream, targetMessageId);
  if (target === undefined) throw resourceNotFound("message", targetMessageId);
  if (!isChange(draft)) return;
  checkChangeable(decodeMessage(ChatMessage, target.payload), userId);
  const change = await changeOf(stores.records, stream, targetMessageId);
  if (change?.redacted === true) throw resourceNotFound("message", targetMessageId);
}
