import type { DeleteRoomRequest, DeleteRoomResponse } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { callerOf } from "./caller.js";
import type { ChatDeps } from "./chat-deps.js";
import { checkOwner } from "./room-access.js";
import { roomIdOf } from "./room-record.js";
import { completeRemoval } from "./room-removal.js";

/**
 * Deletes a room and its history. Only its owner may. Streams leave it; a room of the same id begins without
 * messages, in another epoch.
 */
export async function deleteRoom(
  { roomId }: DeleteRoomRequest,
  context: CallContext,
  deps: ChatDeps,
): Promise<DeleteRoomResponse> {
  const caller = callerOf(context, deps);
  const stream = await deps.rooms.remove(roomIdOf(roomId), (record) => checkOwner(record, caller.id));
  try {
    await completeRemoval(deps, stream);
  } catch (err) {
    // Nobody can reach it any more, and the upkeep goes on with it.
    context.log.warn({ err, roomId }, "the messages of a deleted room are still there");
  }
  return {};
}
