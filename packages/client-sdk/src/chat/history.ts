import { leavable } from "../rpc/leavable.js";
import type { ChatDeps } from "./chat-api.js";
import { checkHistoryOptions, checkRoom } from "./check-chat-options.js";
import { listMessages } from "./list-messages.js";
import type { ChatHistoryOptions, ChatMessage } from "./types.js";

/**
 * The stored messages of a room, in order. Fetches one page at a time, when the loop gets there; holds
 * one page. Messages that go meanwhile are left out. Each loop begins anew.
 */
export function history(deps: ChatDeps, room: string, options: ChatHistoryOptions = {}): AsyncIterable<ChatMessage> {
  checkRoom(room);
  checkHistoryOptions(options);
  return leavable(options, (call) => messagesOf(deps, room, { ...options, ...call }));
}

async function* messagesOf(
  { rpc }: ChatDeps,
  roomId: string,
  { after = 0, before = 0, backwards = false, limit = Infinity, pageSize = 0, ...call }: ChatHistoryOptions,
): AsyncGenerator<ChatMessage, undefined, undefined> {
  let [afterSequence, beforeSequence, left] = [after, before, limit];
  while (left > 0) {
    const request = { roomId, afterSequence, beforeSequence, backwards, pageSize };
    const { messages, hasMore } = await listMessages(rpc, request, call);
    yield* messages.slice(0, left);
    left -= messages.length;
    const last = messages.at(-1);
    if (last === undefined || !hasMore) return;
    if (backwards) beforeSequence = last.sequence;
    else afterSequence = last.sequence;
  }
}
