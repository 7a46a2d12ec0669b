import { ChatServiceDefinition, type ListMessagesRequest, type ListMessagesResponse } from "@millrace/shared-types";

import type { CallOptions } from "../options.js";
import type { Rpc } from "../rpc/rpc.js";
import { toChatMessage } from "./chat-message.js";
import type { ChatMessage } from "./types.js";

/** A page of a room's history. */
export interface MessagePage extends Omit<ListMessagesResponse, "messages"> {
  readonly messages: readonly ChatMessage[];
}

/** Fetches one page. */
export async function listMessages(
  rpc: Rpc,
  request: Partial<ListMessagesRequest>,
  call: CallOptions,
): Promise<MessagePage> {
  const page = await rpc.unary(ChatServiceDefinition, ChatServiceDefinition.methods.listMessages, request, call);
  return { ...page, messages: page.messages.map((message) => toChatMessage(message, page.epoch)) };
}
