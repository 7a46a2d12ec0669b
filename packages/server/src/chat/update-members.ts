import type { UpdateMembersRequest, UpdateMembersResponse } from "@millrace/shared-types";
import { invalidField } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { callerOf } from "./caller.js";
import type { ChatDeps } from "./chat-deps.js";
import { describeRoom } from "./describe-room.js";
import { checkOwner } from "./room-access.js";
import { checkMemberIds } from "./room-members.js";
import { roomIdOf } from "./room-record.js";

/**
 * Adds members to a closed room, and then removes some. Only its owner may, who stays in it in any case. When it
 * resolves, streams of those who were removed have left the room.
 */
export async function updateMembers(
  { roomId, add, remove }: UpdateMembersRequest,
  context: CallContext,
  deps: ChatDeps,
): Promise<UpdateMembersResponse> {
  const caller = callerOf(context, deps);
  const record = await deps.rooms.change(roomIdOf(roomId), (before) => {
    checkOwner(before, caller.id);
    if (before.open) throw invalidField("room_id", "is an open room, which has no list of members");
    const removed = new Set(remove);
    const memberIds = [...new Set([...before.memberIds, ...add])].filter((id) => !removed.has(id));
    checkMemberIds("add", memberIds);
    return { ...before, memberIds };
  });
  return { room: await describeRoom(record, deps) };
}
