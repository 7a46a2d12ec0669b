import type {
  ChatServiceDefinition,
  ServiceHandlers,
  StreamingServiceDefinition,
  StreamServiceDefinition,
  TokenSigner,
} from "@millrace/shared-types";
import { DEFAULT_CHAT_ROOM } from "@millrace/shared-types";

import type { EventFeed } from "../events/feed.js";
import { type Clock, systemClock } from "../ports/clock.js";
import type { EventLog } from "../ports/event-log.js";
import type { RecordStore } from "../ports/record-store.js";
import { PageTokens } from "../records/page-tokens.js";
import type { CallContext } from "../rpc/call-context.js";
import type { Logger } from "../rpc/logger.js";
import { silentLogger } from "../rpc/logger.js";

import { chat } from "./chat.js";
import type { ChatDeps, ChatLimits, ChatStores } from "./chat-deps.js";
import { resolveChatLimits } from "./chat-limits.js";
import { createRoom } from "./create-room.js";
import { deleteRoom } from "./delete-room.js";
import { getPresence } from "./get-presence.js";
import { getRoom } from "./get-room.js";
import { listMessages } from "./list-messages.js";
import { listRooms } from "./list-rooms.js";
import { RateLimiter } from "./rate-limiter.js";
import { Rooms } from "./rooms.js";
import { sendMessage } from "./send-message.js";
import { chatUpkeep } from "./upkeep.js";
import { updateMembers } from "./update-members.js";

export interface ChatOptions {
  /** Holds the messages. Stays open. */
  readonly eventLog: EventLog;
  /** Of `eventLog`; stays open too. */
  readonly feed: EventFeed;
  readonly records: RecordStore;
  /** Signs page tokens. */
  readonly tokenSigner: TokenSigner;
  /** Names the data: a page token of another cluster is refused. */
  readonly clusterId: string;
  /** Callers without an identity may chat, each under a name made for its stream. Default true. */
  readonly allowAnonymous?: boolean;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Default: those of `DEFAULT_LIMITS`. */
  readonly limits?: Partial<ChatLimits>;
  /** Default: none. */
  readonly log?: Logger;
}

/** The chat, running. Disposing of it stops its timers and waits for what it is storing; the stores stay open. */
export interface Chat extends ChatDeps, AsyncDisposable {}

/**
 * Opens the chat over a log and a record store: completes what a crash has left, and from then on removes what rooms
 * no longer keep. Nobody else may write chats to the stores.
 */
export async function openChat(options: ChatOptions): Promise<Chat> {
  const { eventLog, feed, records, allowAnonymous = true, clock = systemClock, log = silentLogger } = options;
  const limits = resolveChatLimits("limits", options.limits);
  const stores: ChatStores = { log: eventLog, feed, records, clock, logger: log };
  const deps: ChatDeps = {
    ...stores,
    limits,
    allowAnonymous,
    rooms: new Rooms(stores),
    rates: new RateLimiter(clock, limits.maxChatMessagesPerSecond),
    pageTokens: new PageTokens(options.tokenSigner, options.clusterId),
  };
  (await deps.rooms.useOrMake(DEFAULT_CHAT_ROOM, ""))[Symbol.dispose]();
  const upkeep = chatUpkeep(deps);
  const close = async (): Promise<void> => {
    await upkeep[Symbol.asyncDispose]();
    await deps.rooms.close();
  };
  return { ...deps, [Symbol.asyncDispose]: close };
}

/** Handlers of ChatService. */
export function chatService(deps: ChatDeps): ServiceHandlers<typeof ChatServiceDefinition, CallContext> {
  return {
    chat: (requests, context) => chat(requests, context, deps),
    sendMessage: (request, context) => sendMessage(request, context, deps),
    listMessages: (request, context) => listMessages(request, context, deps),
    createRoom: (request, context) => createRoom(request, context, deps),
    getRoom: (request, context) => getRoom(request, context, deps),
    listRooms: (request, context) => listRooms(request, context, deps),
    updateMembers: (request, context) => updateMembers(request, context, deps),
    deleteRoom: (request, context) => deleteRoom(request, context, deps),
    getPresence: (request, context) => getPresence(request, context, deps),
  };
}

/** The same chat, as the seed's two services have it. */
export function chatStreams(
  deps: ChatDeps,
): Pick<ServiceHandlers<typeof StreamingServiceDefinition, CallContext>, "chat"> &
  Pick<ServiceHandlers<typeof StreamServiceDefinition, CallContext>, "chat"> {
  return { chat: (requests, context) => chat(requests, context, deps) };
}
