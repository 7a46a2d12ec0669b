import { ChatMessage, decodeMessage } from "@millrace/shared-types";

import type { EventDraft, EventLog } from "../ports/event-log.js";
import { EventIdConflict, RevisionMismatch } from "../ports/event-log.js";

import { eventOfPayload, type SentKind } from "./message-draft.js";

/** Where a message is. */
export interface StoredMessage {
  readonly messageId: string;
  /** Position in the room. */
  readonly revision: number;
  /** Position in the log. */
  readonly sequence: number;
  /** It had been stored before. */
  readonly duplicate: boolean;
}

/** Appends `event`, unless the stream has one of its id. */
export async function appendOnce(log: EventLog, stream: string, event: EventDraft): Promise<StoredMessage> {
  try {
    return await append(log, stream, event);
  } catch (error) {
    if (!(error instanceof EventIdConflict)) throw error;
    return (await findStored(log, stream, event.id)) ?? append(log, stream, event); // it may just have been removed
  }
}

async function append(
  log: EventLog,
  stream: string,
  event: EventDraft,
  expectedRevision?: number,
): Promise<StoredMessage> {
  const expected = expectedRevision === undefined ? {} : { expectedRevision };
  const { events } = await log.append({ stream, events: [event], ...expected });
  const [{ sequence, revision, duplicate } = { sequence: 0, revision: 0, duplicate: false }] = events;
  return { messageId: event.id, sequence, revision, duplicate };
}

/**
 * Where the event with this id is. The log tells that to whoever appends the same event again; expecting
 * an empty stream makes sure that nothing is stored if it has gone meanwhile.
 */
export async function findStored(log: EventLog, stream: string, id: string): Promise<StoredMessage | undefined> {
  const payload = await payloadOf(log, stream, id);
  if (payload === undefined) return undefined;
  const kind = decodeMessage(ChatMessage, payload).kind as SentKind;
  try {
    return await append(log, stream, eventOfPayload(payload, kind, id), 0);
  } catch (error) {
    if (error instanceof RevisionMismatch) return undefined;
    throw error;
  }
}

/** The stored form of a message: its key is its id. */
export async function payloadOf(log: EventLog, stream: string, id: string): Promise<Uint8Array | undefined> {
  const [payload] = await log.previousPayloads([{ stream, key: id, sequence: Number.MAX_SAFE_INTEGER }]);
  return payload;
}
