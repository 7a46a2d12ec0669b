import type { GetPresenceRequest, GetPresenceResponse } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { ChatDeps } from "./chat-deps.js";
import { readableRoom } from "./room-access.js";

/** Tells who is in a room now, by the time at which they came; also those who left within the grace. */
export async function getPresence(
  request: GetPresenceRequest,
  context: CallContext,
  deps: ChatDeps,
): Promise<GetPresenceResponse> {
  using use = await readableRoom(request.roomId, context, deps);
  const { presence } = use.room;
  return { members: presence.members(), memberCount: presence.count };
}
