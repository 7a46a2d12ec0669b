import { DEFAULT_CHAT_ROOM, ServiceError } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { callerOf } from "./caller.js";
import type { ChatDeps } from "./chat-deps.js";
import { mayJoin, roomIdOf, roomNotFound, type RoomRecord } from "./room-record.js";
import type { RoomUse } from "./rooms.js";

/**
 * A room that the caller may read, there until the result is disposed of.
 *
 * @throws ServiceError `RESOURCE_NOT_FOUND`, the same whether it never was or is closed to the caller
 */
export async function readableRoom(roomId: string, context: CallContext, deps: ChatDeps): Promise<RoomUse> {
  const caller = callerOf(context, deps);
  const use = await deps.rooms.use(roomIdOf(roomId));
  if (mayJoin(use.room.record, caller.id)) return use;
  use[Symbol.dispose]();
  throw roomNotFound(roomId);
}

/**
 * Only its owner may change a room; the default room belongs to the server.
 *
 * @throws ServiceError `PERMISSION_DENIED` if the caller may read the room but does not own it, `RESOURCE_NOT_FOUND`
 *   if the caller may not even read it
 */
export function checkOwner(record: RoomRecord, callerId: string): void {
  if (!mayJoin(record, callerId)) throw roomNotFound(record.roomId);
  if (record.ownerId === callerId && record.roomId !== DEFAULT_CHAT_ROOM) return;
  const metadata = { permission: "room.owner" };
  throw new ServiceError("PERMISSION_DENIED", `only its owner may change the room ${JSON.stringify(record.roomId)}`, {
    metadata,
  });
}
