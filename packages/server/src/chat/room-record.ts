import type { ChatRoom } from "@millrace/shared-types";
import {
  DEFAULT_CHAT_ROOM,
  durationOfMs,
  invalidField,
  resourceNotFound,
  ServiceError,
  timestampOfMs,
} from "@millrace/shared-types";

import type { EventLog } from "../ports/event-log.js";
import { newId } from "../records/new-id.js";

/** Rooms, by room id. */
export const ROOMS = "rooms";

/** A room. Times are milliseconds since 1970. */
export interface RoomRecord {
  readonly roomId: string;
  /** In the name of its stream: a room that is made again under an old name begins without messages. */
  readonly incarnation: string;
  readonly displayName: string;
  readonly open: boolean;
  /** Of a closed room, besides its owner. */
  readonly memberIds: readonly string[];
  /** Empty: made by an anonymous caller, so any of these may change it. */
  readonly ownerId: string;
  readonly createdAt: number;
  /** Age at which messages go; left out: never. */
  readonly retentionMs?: number;
}

/** A room that comes to be by being used: anyone may join. */
export function openRoom(roomId: string, ownerId: string, createdAt: number): RoomRecord {
  return { roomId, incarnation: newIncarnation(), displayName: "", open: true, memberIds: [], ownerId, createdAt };
}

/** Tells the room from all that had its name before: 80 random bits. */
export function newIncarnation(): string {
  return newId().slice(0, 16);
}

/** The stream of the log that holds the room's messages. */
export function streamOf({ roomId, incarnation }: Pick<RoomRecord, "roomId" | "incarnation">): string {
  return `$chat/${roomId}/${incarnation}`;
}

/** Changes with the log, and with the room's incarnation. */
export function epochOf(log: EventLog, { incarnation }: RoomRecord): string {
  return `${log.epoch}.${incarnation}`;
}

/** Whether the caller with this identity may join, read and write. */
export function mayJoin({ open, ownerId, memberIds }: RoomRecord, callerId: string): boolean {
  return open || callerId === ownerId || memberIds.includes(callerId);
}

/** The id of the room that a request means. @throws ServiceError `INVALID_FIELD` */
export function roomIdOf(roomId: string): string {
  if (roomId === "") return DEFAULT_CHAT_ROOM;
  if (/^[A-Za-z0-9._:-]{1,128}$/.test(roomId)) return roomId;
  throw invalidField("room_id", 'must be 1 to 128 of A-Z, a-z, 0-9, "-", "_", "." and ":"');
}

export function roomNotFound(roomId: string): ServiceError {
  return resourceNotFound("room", roomId);
}

/** What a chat stream and a sender are told of a closed room that is not theirs. */
export function notAMember(roomId: string): ServiceError {
  const metadata = { permission: "room.member" };
  return new ServiceError("PERMISSION_DENIED", `only members may join the room ${JSON.stringify(roomId)}`, {
    metadata,
  });
}

/** The room as callers see it. */
export function toChatRoom(
  record: RoomRecord,
  epoch: string,
  range: Pick<ChatRoom, "firstSequence" | "lastSequence">,
): ChatRoom {
  const { roomId, displayName, open, memberIds, ownerId, createdAt, retentionMs } = record;
  return {
    roomId,
    displayName,
    open,
    memberIds: [...memberIds],
    ownerId,
    createTime: timestampOfMs(createdAt),
    retention: retentionMs === undefined ? undefined : durationOfMs(retentionMs),
    epoch,
    ...range,
  };
}
