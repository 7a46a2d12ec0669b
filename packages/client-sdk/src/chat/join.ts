import { checkJoin } from "./check-chat-options.js";
import type { ChatDeps } from "./chat-api.js";
import { JoinedRoom } from "./joined-room.js";
import type { ChatJoinOptions, ChatJoinTarget, ChatRoom } from "./types.js";

/** Joins a room and resolves when it is joined. See {@link ChatApi.join}. */
export async function join(
  deps: ChatDeps,
  target: string | ChatJoinTarget,
  options: ChatJoinOptions = {},
): Promise<ChatRoom> {
  const where = typeof target === "string" ? { room: target } : target;
  checkJoin(where, options);
  const room = new JoinedRoom(deps, where, options);
  await room.joined;
  return room;
}
