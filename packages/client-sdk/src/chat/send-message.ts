import { ChatServiceDefinition } from "@millrace/shared-types";

import { present } from "../files/file-info.js";
import type { CallOptions } from "../options.js";
import type { ChatDeps } from "./chat-api.js";
import { textMessage } from "./chat-message.js";
import { checkRoom } from "./check-chat-options.js";
import type { ChatReceipt, OutgoingChatMessage } from "./types.js";

/** Safe to repeat, because every message has a `client_message_id`. */
const sendMessageOnce = {
  ...ChatServiceDefinition.methods.sendMessage,
  options: { idempotencyLevel: "IDEMPOTENT" },
} as const;

/** Sends one message without joining. See {@link ChatApi.send}. */
export async function sendMessage(
  { rpc }: ChatDeps,
  room: string,
  outgoing: string | OutgoingChatMessage,
  options?: CallOptions,
): Promise<ChatReceipt> {
  checkRoom(room);
  const request = { message: textMessage(room, outgoing) };
  const { message, duplicate } = await rpc.unary(ChatServiceDefinition, sendMessageOnce, request, options);
  const { messageId: id, sequence } = present(message, "message");
  return { id, sequence, duplicate };
}
