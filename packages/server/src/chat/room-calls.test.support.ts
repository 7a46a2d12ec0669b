import {
  type ChatRoom,
  CreateRoomRequest,
  ListMessagesRequest,
  ListRoomsRequest,
  type PartialMessage,
  UpdateMembersRequest,
} from "@millrace/shared-types";

import type { ChatFixture } from "./chat-fixture.test.support.js";
import { contextOf } from "./test-call.test.support.js";
import { createRoom } from "./create-room.js";
import { getRoom } from "./get-room.js";
import { listMessages } from "./list-messages.js";
import { listRooms } from "./list-rooms.js";
import { updateMembers } from "./update-members.js";

/** Makes a room as this user. */
export async function create(
  { chat }: ChatFixture,
  user: string,
  room: PartialMessage<ChatRoom>,
): Promise<ChatRoom | undefined> {
  return (await createRoom(CreateRoomRequest.fromPartial({ room }), contextOf(user), chat)).room;
}

/** What this user is told of a room. */
export async function describeAs({ chat }: ChatFixture, user: string, roomId: string): Promise<ChatRoom | undefined> {
  return (await getRoom({ roomId }, contextOf(user), chat)).room;
}

/** Ids of the rooms that this user is told of, over all pages. */
export async function listAs({ chat }: ChatFixture, user: string, pageSize = 0): Promise<(string | undefined)[]> {
  const roomIds: string[] = [];
  for (let pageToken = ""; ;) {
    const page = await listRooms(ListRoomsRequest.fromPartial({ pageSize, pageToken }), contextOf(user), chat);
    roomIds.push(...page.rooms.map(({ roomId }) => roomId));
    pageToken = page.nextPageToken;
    if (pageToken === "") return roomIds;
  }
}

/** Contents of the messages of a room, oldest first. */
export async function contentsOf({ chat }: ChatFixture, roomId: string): Promise<string[]> {
  const { messages } = await listMessages(ListMessagesRequest.fromPartial({ roomId }), contextOf("ann"), chat);
  return messages.map(({ content }) => content);
}

/** Changes the members of a room as this user. */
export async function change(
  { chat }: ChatFixture,
  user: string,
  fields: PartialMessage<UpdateMembersRequest>,
): Promise<ChatRoom | undefined> {
  return (await updateMembers(UpdateMembersRequest.fromPartial(fields), contextOf(user), chat)).room;
}

interface Refusal {
  readonly reason: string;
}

/** What refusals say. */
export const NOT_FOUND: Refusal = { reason: "RESOURCE_NOT_FOUND" };
export const DENIED: Refusal = { reason: "PERMISSION_DENIED" };
