import type { EventFeed } from "../events/feed.js";
import type { Clock } from "../ports/clock.js";
import type { EventLog } from "../ports/event-log.js";
import type { RecordStore } from "../ports/record-store.js";
import type { PageTokens } from "../records/page-tokens.js";
import type { Logger } from "../rpc/logger.js";

import type { RateLimiter } from "./rate-limiter.js";
import type { Rooms } from "./rooms.js";

/** What the chat accepts. */
export interface ChatLimits {
  /** `ChatMessage.content`, in bytes. */
  readonly maxChatMessageBytes: number;
  /** Messages of one user in a second, in the long run; three times as many at once. */
  readonly maxChatMessagesPerSecond: number;
}

/** What the chat is built on. */
export interface ChatStores {
  /** Holds the messages: each room is a stream of it. */
  readonly log: EventLog;
  readonly feed: EventFeed;
  /** Rooms, edits, and who has read how far. */
  readonly records: RecordStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What every operation of the chat works with. Made by `openChat`. */
export interface ChatDeps extends ChatStores {
  readonly rooms: Rooms;
  readonly rates: RateLimiter;
  readonly limits: ChatLimits;
  readonly pageTokens: PageTokens;
  /** Callers without an identity may chat. */
  readonly allowAnonymous: boolean;
}
