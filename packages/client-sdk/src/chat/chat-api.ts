import { ChatServiceDefinition } from "@millrace/shared-types";

import type { CallOptions } from "../options.js";
import type { ResumingRpc } from "../rpc/resuming-rpc.js";
import { toChatMember } from "./chat-member.js";
import { checkRoom } from "./check-chat-options.js";
import { history } from "./history.js";
import { join } from "./join.js";
import { createRoomsApi } from "./rooms.js";
import { sendMessage } from "./send-message.js";
import type {
  ChatHistoryOptions,
  ChatJoinOptions,
  ChatJoinTarget,
  ChatMemberChanges,
  ChatMessage,
  ChatPresence,
  ChatReceipt,
  ChatRoom,
  ChatRoomInfo,
  ChatRoomSpec,
  ListChatRoomsOptions,
  OutgoingChatMessage,
} from "./types.js";

/** What the operations of the chat are made of. */
export type ChatDeps = ResumingRpc;

/** Rooms full of people. */
export interface ChatApi {
  /**
   * Joins a room, and makes it if the server allows that. Resolves when it is joined: every message that is
   * stored from then on will be received. The room goes on by itself after lost connections and restarts of
   * the server.
   *
   * @throws {StreamingError} as a {@link ChatRoom}, if that happens before the room is joined; INVALID_ARGUMENT
   *   for a name that is none
   * @throws {TypeError} for unknown names of options
   */
  join(room: string | ChatJoinTarget, options?: ChatJoinOptions): Promise<ChatRoom>;
  /**
   * Sends one message without joining; resolves once it is stored. Tried again by the client's policy: it has an
   * id that makes sure that it is stored once.
   *
   * @throws {StreamingError} why it is not stored
   */
  send(room: string, message: string | OutgoingChatMessage, options?: CallOptions): Promise<ChatReceipt>;
  /** The stored messages of a room, in order, fetched page by page as the loop goes on. */
  history(room: string, options?: ChatHistoryOptions): AsyncIterable<ChatMessage>;
  /** Who is in a room now. */
  presence(room: string, options?: CallOptions): Promise<ChatPresence>;
  readonly rooms: ChatRoomsApi;
}

/** The rooms themselves. */
export interface ChatRoomsApi {
  /** @throws {StreamingError} ALREADY_EXISTS if there is one of that name */
  create(spec: ChatRoomSpec, options?: CallOptions): Promise<ChatRoomInfo>;
  /** @throws {StreamingError} NOT_FOUND if there is none, or the user may not join it */
  get(room: string, options?: CallOptions): Promise<ChatRoomInfo>;
  /** The rooms that the user may join, fetched page by page as the loop goes on. */
  list(options?: ListChatRoomsOptions): AsyncIterable<ChatRoomInfo>;
  /**
   * Lets users into a room that is not open, and shuts others out: their streams leave it.
   *
   * @throws {StreamingError} NOT_FOUND; PERMISSION_DENIED
   */
  updateMembers(room: string, changes: ChatMemberChanges, options?: CallOptions): Promise<ChatRoomInfo>;
  /**
   * Deletes a room and its history.
   *
   * @throws {StreamingError} NOT_FOUND; PERMISSION_DENIED
   */
  delete(room: string, options?: CallOptions): Promise<void>;
}

/** The object behind `client.chat`. */
export function createChatApi(deps: ChatDeps): ChatApi {
  return {
    join: (room, options) => join(deps, room, options),
    send: (room, message, options) => sendMessage(deps, room, message, options),
    history: (room, options) => history(deps, room, options),
    presence: (room, options) => presence(deps, room, options),
    rooms: createRoomsApi(deps),
  };
}

async function presence({ rpc }: ChatDeps, roomId: string, options?: CallOptions): Promise<ChatPresence> {
  checkRoom(roomId);
  const { getPresence } = ChatServiceDefinition.methods;
  const { members, memberCount } = await rpc.unary(ChatServiceDefinition, getPresence, { roomId }, options);
  return { members: members.map(toChatMember), count: memberCount };
}
