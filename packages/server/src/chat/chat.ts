import type { ChatMessage, EncodedMessages } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import { callerOf } from "./caller.js";
import { ChatClient } from "./chat-client.js";
import type { ChatDeps } from "./chat-deps.js";
import { Conversation } from "./conversation.js";
import { StreamRooms } from "./stream-rooms.js";

/**
 * A chat: takes a client's messages, which are stored before anybody sees them, and sends it those of its rooms, each
 * once and in the room's order. The headers are sent when the stream is in the default room. A half-close ends it,
 * after everything that was stored till then. However it ends, it leaves its rooms.
 */
export async function* chat(
  requests: AsyncIterable<ChatMessage>,
  context: CallContext,
  deps: ChatDeps,
): AsyncGenerator<ChatMessage | EncodedMessages, void, undefined> {
  using client = new ChatClient(callerOf(context, deps), context, deps.clock);
  using rooms = new StreamRooms(client, deps);
  const conversation = new Conversation(client, rooms, context, deps);
  await conversation.begin();
  context.sendHeaders();
  void listen(requests, conversation, client, rooms);
  yield* client.outbox.messages();
}

async function listen(
  requests: AsyncIterable<ChatMessage>,
  conversation: Conversation,
  { outbox }: ChatClient,
  rooms: StreamRooms,
): Promise<void> {
  try {
    for await (const message of requests) {
      await conversation.take(message);
      await outbox.untilRoom();
    }
    outbox.finish(await rooms.flush());
  } catch (error) {
    outbox.fail(error);
  }
}
