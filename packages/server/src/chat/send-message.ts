import type { SendMessageRequest, SendMessageResponse } from "@millrace/shared-types";
import { invalidField } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { callerOf } from "./caller.js";
import type { ChatDeps } from "./chat-deps.js";
import { draftOf, messageIdOf } from "./message-draft.js";
import { rateLimited } from "./rate-limiter.js";
import { roomIdOf } from "./room-record.js";
import { storeMessage } from "./store-message.js";

/**
 * Sends one message without a stream, and without joining its room: resolves with the message as it is stored, or
 * was stored before. A room that does not exist is made.
 */
export async function sendMessage(
  { message }: SendMessageRequest,
  context: CallContext,
  deps: ChatDeps,
): Promise<SendMessageResponse> {
  const caller = callerOf(context, deps);
  if (message === undefined) throw invalidField("message", "must be set");
  if (message.control !== undefined) throw invalidField("message.control", "belongs on a chat stream");
  const roomId = roomIdOf(message.roomId);
  const draft = draftOf(message, caller, deps.limits);
  const waitMs = deps.rates.take(caller.rateKey);
  if (waitMs > 0) throw rateLimited(waitMs);
  using use = await deps.rooms.useOrMake(roomId, caller.id);
  const { room } = use;
  room.checkJoin(caller);
  const { sequence, duplicate } = await storeMessage(deps, room, draft, messageIdOf(draft, caller.id, room.stream));
  const event = await room.history.eventAt(sequence);
  const [shown] = event === undefined ? [] : await room.messages.show([event]);
  return { message: shown?.message, duplicate };
}
