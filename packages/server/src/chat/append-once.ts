import { type EventDraft, EventIdConflict, type EventLog } from "../ports/event-log.js";

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

async function append(log: EventLog, stream: string, event: EventDraft): Promise<StoredMessage> {
  const { events } = await log.append({ stream, events: [event] });
  const [{ sequence, revision, duplicate } = { sequence: 0, revision: 0, duplicate: false }] = events;
  return { messageId: event.id, sequence, revision, duplicate };
}

/** Where the event with this id is; `undefined` if there is none, or none any more. */
export async function findStored(log: EventLog, stream: string, id: string): Promise<StoredMessage | undefined> {
  const event = await log.find(stream, id);
  return event && { messageId: id, sequence: event.sequence, revision: event.revision, duplicate: true };
}
