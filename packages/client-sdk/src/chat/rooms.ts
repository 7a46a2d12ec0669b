import {
  type ChatRoom as WireRoom,
  ChatServiceDefinition,
  durationOfMs,
  msOfDuration,
  toDate,
} from "@millrace/shared-types";

import { present } from "../files/file-info.js";
import type { CallOptions } from "../options.js";
import { entriesOf } from "../rpc/pages.js";
import type { ChatDeps, ChatRoomsApi } from "./chat-api.js";
import { checkListRoomsOptions, checkMemberChanges, checkRoom, checkRoomSpec } from "./check-chat-options.js";
import type { ChatMemberChanges, ChatRoomInfo, ChatRoomSpec, ListChatRoomsOptions } from "./types.js";

const { createRoom, deleteRoom, getRoom, listRooms, updateMembers } = ChatServiceDefinition.methods;

/** The object behind `client.chat.rooms`. */
export function createRoomsApi(deps: ChatDeps): ChatRoomsApi {
  return {
    create: (spec, options) => create(deps, spec, options),
    get: (room, options) => get(deps, room, options),
    list: (options) => list(deps, options),
    updateMembers: (room, changes, options) => update(deps, room, changes, options),
    delete: (room, options) => remove(deps, room, options),
  };
}

async function create({ rpc }: ChatDeps, spec: ChatRoomSpec, options?: CallOptions): Promise<ChatRoomInfo> {
  checkRoomSpec(spec);
  const { room: roomId, displayName = "", open = true, members = [], retentionMs } = spec;
  const retention = retentionMs === undefined ? undefined : durationOfMs(retentionMs);
  const request = { room: { roomId, displayName, open, memberIds: [...members], retention } };
  return toRoomInfo((await rpc.unary(ChatServiceDefinition, createRoom, request, options)).room);
}

async function get({ rpc }: ChatDeps, roomId: string, options?: CallOptions): Promise<ChatRoomInfo> {
  checkRoom(roomId);
  return toRoomInfo((await rpc.unary(ChatServiceDefinition, getRoom, { roomId }, options)).room);
}

async function update(
  { rpc }: ChatDeps,
  roomId: string,
  changes: ChatMemberChanges,
  options?: CallOptions,
): Promise<ChatRoomInfo> {
  checkRoom(roomId);
  checkMemberChanges(changes);
  const { add = [], remove: removed = [] } = changes;
  const request = { roomId, add: [...add], remove: [...removed] };
  return toRoomInfo((await rpc.unary(ChatServiceDefinition, updateMembers, request, options)).room);
}

async function remove({ rpc }: ChatDeps, roomId: string, options?: CallOptions): Promise<void> {
  checkRoom(roomId);
  await rpc.unary(ChatServiceDefinition, deleteRoom, { roomId }, options);
}

/** Fetches one page at a time, when the loop gets there; holds one page. Each loop begins anew. */
function list({ rpc }: ChatDeps, options: ListChatRoomsOptions = {}): AsyncIterable<ChatRoomInfo> {
  checkListRoomsOptions(options);
  return entriesOf(options, async (page, call) => {
    const answer = await rpc.unary(ChatServiceDefinition, listRooms, page, call);
    return { entries: answer.rooms.map(toRoomInfo), nextPageToken: answer.nextPageToken };
  });
}

function toRoomInfo(wire: WireRoom | undefined): ChatRoomInfo {
  const room = present(wire, "room");
  const { displayName, open, lastSequence, firstSequence, epoch } = room;
  return {
    room: room.roomId,
    displayName,
    open,
    members: room.memberIds,
    owner: room.ownerId,
    createdAt: room.createTime && toDate(room.createTime),
    lastSequence,
    firstSequence,
    epoch,
    retentionMs: room.retention && msOfDuration(room.retention),
  };
}
