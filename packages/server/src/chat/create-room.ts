import type { ChatRoom, CreateRoomRequest, CreateRoomResponse } from "@millrace/shared-types";
import { invalidField } from "@millrace/shared-types";

import { checkBytes } from "../events/check-limit.js";
import { durationMsOf } from "../events/watch-plan.js";
import type { CallContext } from "../rpc/call-context.js";

import { type Caller, callerOf } from "./caller.js";
import type { ChatDeps } from "./chat-deps.js";
import { describeRoom } from "./describe-room.js";
import { rateLimited } from "./rate-limiter.js";
import { checkMemberIds } from "./room-members.js";
import { newIncarnation, roomIdOf, type RoomRecord } from "./room-record.js";

const MAX_DISPLAY_NAME_BYTES = 256;
const MIN_RETENTION_MS = 1000;

/**
 * Makes a room, which belongs to the caller. Counts as a message for the rate limit.
 *
 * @throws ServiceError `RESOURCE_EXISTS` if there is one of that id, also one that came to be by being used
 */
export async function createRoom(
  { room }: CreateRoomRequest,
  context: CallContext,
  deps: ChatDeps,
): Promise<CreateRoomResponse> {
  const caller = callerOf(context, deps);
  const record = recordOf(room, caller, deps.clock.now());
  const waitMs = deps.rates.take(caller.rateKey);
  if (waitMs > 0) throw rateLimited(waitMs);
  await deps.rooms.make(record);
  return { room: await describeRoom(record, deps) };
}

function recordOf(room: ChatRoom | undefined, caller: Caller, createdAt: number): RoomRecord {
  if (room === undefined || room.roomId === "") throw invalidField("room.room_id", "must be set");
  const { displayName, open, memberIds, retention } = room;
  checkBytes("room.display_name", "max_display_name_bytes", MAX_DISPLAY_NAME_BYTES, displayName);
  if (open && memberIds.length > 0) throw invalidField("room.member_ids", "an open room has no list of members");
  const unique = [...new Set(memberIds)];
  checkMemberIds("room.member_ids", unique);
  return {
    roomId: roomIdOf(room.roomId),
    incarnation: newIncarnation(),
    displayName,
    open,
    memberIds: unique,
    ownerId: caller.id,
    createdAt,
    ...(retention !== undefined && { retentionMs: retentionMsOf(retention) }),
  };
}

function retentionMsOf(retention: NonNullable<ChatRoom["retention"]>): number {
  const ms = durationMsOf(retention, "room.retention");
  if (ms < MIN_RETENTION_MS) throw invalidField("room.retention", "must be at least one second");
  return ms;
}
