import type { GetRoomRequest, GetRoomResponse } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { ChatDeps } from "./chat-deps.js";
import { describeRoom } from "./describe-room.js";
import { readableRoom } from "./room-access.js";

/** Describes a room. One that is closed to the caller answers as one that does not exist. */
export async function getRoom(request: GetRoomRequest, context: CallContext, deps: ChatDeps): Promise<GetRoomResponse> {
  using use = await readableRoom(request.roomId, context, deps);
  return { room: await describeRoom(use.room.record, deps) };
}
