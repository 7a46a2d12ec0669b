import type { ChatRoom as ChatRoomMessage, ListRoomsRequest, ListRoomsResponse } from "@millrace/shared-types";
import { ChatRoom, encodeMessage } from "@millrace/shared-types";

import { loadPage } from "../records/load-page.js";
import { pageLimit } from "../records/page-tokens.js";
import type { CallContext } from "../rpc/call-context.js";

import { callerOf } from "./caller.js";
import type { ChatDeps } from "./chat-deps.js";
import { describeRoom } from "./describe-room.js";
import { mayJoin, type RoomRecord, ROOMS } from "./room-record.js";

/**
 * Lists the rooms that the caller may join, in order of their ids, bytewise. A page may be short, even empty, where
 * others are left out: the token counts.
 */
export async function listRooms(
  request: ListRoomsRequest,
  context: CallContext,
  deps: ChatDeps,
): Promise<ListRoomsResponse> {
  const { id } = callerOf(context, deps);
  const { records, pageTokens } = deps;
  const limit = pageLimit(request.pageSize);
  const shape = `rooms:${JSON.stringify(id)}`;
  const after = pageTokens.positionOf(request.pageToken, shape);
  const found = await records.scan(ROOMS, { limit: limit + 1, ...(after !== undefined && { after }) });
  const load = async ({ value }: { readonly value: string }): Promise<ChatRoomMessage | undefined> => {
    const record = JSON.parse(value) as RoomRecord;
    return mayJoin(record, id) ? describeRoom(record, deps) : undefined;
  };
  const bytesOf = (room: ChatRoomMessage): number => encodeMessage(ChatRoom, room).length;
  const page = await loadPage(found, { limit, load, bytesOf });
  return { rooms: [...page.items], nextPageToken: pageTokens.tokenFor(page.nextAfter, shape) };
}
