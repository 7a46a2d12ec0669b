import type { ChatRoom } from "@millrace/shared-types";

import type { ChatStores } from "./chat-deps.js";
import { RoomHistory } from "./room-history.js";
import { epochOf, type RoomRecord, streamOf, toChatRoom } from "./room-record.js";

/** The room as callers see it, with what it holds now. */
export async function describeRoom(record: RoomRecord, stores: ChatStores): Promise<ChatRoom> {
  const history = new RoomHistory(stores, streamOf(record), record.retentionMs);
  const { firstRevision, newest } = await history.extent();
  return toChatRoom(record, epochOf(stores.log, record), {
    firstSequence: firstRevision,
    lastSequence: newest.revision,
  });
}
