import type { CallOptions, ResumePolicy } from "../options.js";
import type { StreamEnd } from "../rpc/streams.js";

/** A place in the history of a room. Plain data: keep it, and join from it in a later process. */
export interface ChatPosition {
  /** Of the last message before it: 1, 2, 3… without holes. */
  readonly sequence: number;
  /** Changes when the room's history is built anew and sequences lose their meaning. Left out: is not compared. */
  readonly epoch?: string;
}

/** What a message is: a text, a change of an earlier message, or something that the server says. */
export type ChatMessageKind = "text" | "edit" | "redact" | "reaction" | "system";

/** A message as it is stored. It is a position as well: the one right after it. */
export interface ChatMessage extends Required<ChatPosition> {
  /** Made by the server. */
  readonly id: string;
  readonly room: string;
  /** Who wrote it, as the server authenticated the caller. */
  readonly userId: string;
  readonly content: string;
  /** When the server accepted it. */
  readonly time: Date;
  readonly kind: ChatMessageKind;
  /** The message that this one answers, edits, redacts or reacts to; `undefined`: none. */
  readonly targetId: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  /** Media type of the content. */
  readonly contentType: string;
  /** When it was last edited; `undefined`: never. */
  readonly editedAt: Date | undefined;
  /** The content was removed. */
  readonly redacted: boolean;
  /** Ids of files. */
  readonly attachments: readonly string[];
  /** What its author called it; empty if the server does not tell. */
  readonly clientMessageId: string;
}

/** A message to send: 16 KiB of content at most, unless the server is configured otherwise. */
export interface OutgoingChatMessage {
  readonly content: string;
  /** Id of the message that this one answers. Default: none. */
  readonly replyTo?: string;
  /** At most 32 entries, 4 KiB in all. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Media type of the content. Default: `text/plain`. */
  readonly contentType?: string;
  /** Ids of at most 10 files. */
  readonly attachments?: readonly string[];
  /**
   * A second message with it, from the same user in the same room within 24 h, is the same message and is
   * not stored again. Default: a new one for each call.
   */
  readonly clientMessageId?: string;
}

/** A message that is stored. */
export interface ChatReceipt {
  readonly id: string;
  /** Its place in the room. */
  readonly sequence: number;
  /** It had been stored before, by an earlier attempt or an earlier process. */
  readonly duplicate: boolean;
}

/** A user in a room. */
export interface ChatMember {
  readonly userId: string;
  /** Streams of the user in the room. */
  readonly connections: number;
  readonly onlineSince: Date | undefined;
  /** Has read up to here. */
  readonly readSequence: number;
}

/** A user came (with the first stream) or went (with the last one, and after some seconds of grace). */
export interface ChatPresenceChange {
  readonly member: ChatMember;
  readonly online: boolean;
}

export interface ChatTypingNotice {
  readonly userId: string;
  /** False: no longer. */
  readonly active: boolean;
}

export interface ChatReadNotice {
  readonly userId: string;
  /** Has read up to here. */
  readonly sequence: number;
}

/** Messages that a member cannot have any more. */
export interface ChatGap {
  /** COMPACTED: they are no longer stored. EPOCH_CHANGED: the history was built anew. */
  readonly reason: "COMPACTED" | "EPOCH_CHANGED";
  /** The last position before them. */
  readonly after: Required<ChatPosition>;
  /** Where the room goes on: with the oldest message that is stored. */
  readonly resumedAfter: Required<ChatPosition>;
}

/** Which room, and where in its history to begin. */
export interface ChatJoinTarget {
  /** 1 to 128 of `A-Z a-z 0-9 - _ . :` */
  readonly room: string;
  /** Begin with the first message after this position, however many there are. Default: with the next one. */
  readonly after?: ChatPosition;
  /** Begin with this many of the newest messages, in place of `after`. Default 0; at most 1000. */
  readonly historyLimit?: number;
}

export interface ChatJoinOptions extends Pick<CallOptions, "signal" | "headers"> {
  /** Keeps `members` up to date. Default: if there is `onPresence`. */
  readonly presence?: boolean;
  /** Called when somebody comes or goes after the room was joined; `members` has who was there before. */
  readonly onPresence?: (change: ChatPresenceChange) => void;
  readonly onTyping?: (notice: ChatTypingNotice) => void;
  readonly onRead?: (notice: ChatReadNotice) => void;
  /**
   * Called in place of failing when messages are lost; the room goes on with the oldest one that is
   * stored. Of an epoch that is over, messages that the consumer has not taken yet are lost, too.
   */
  readonly onGap?: (gap: ChatGap) => void;
  /**
   * How often the server says that it is alive while it has nothing to send, in milliseconds. After 2.5
   * times that in silence the connection counts as lost, and the room goes on over another one.
   * Default 5_000; 1_000 to 600_000; 0: never, and then HTTP/2 pings alone find a dead connection.
   */
  readonly heartbeatMs?: number;
  /** `false`: the first failure is final. Default: the client's policy. */
  readonly resume?: ResumePolicy | false;
}

/**
 * A room that was joined: its messages, each once and in order, across cuts, restarts and drains. What it
 * was sent and has not acknowledged goes again over the next connection, and is stored once.
 *
 * Its messages can be iterated once. Leaving that loop (`break`, `return`, an exception) ends the room, once what
 * was sent before is acknowledged (for that 10 s at most). Nobody has to iterate: at most 1 MiB of messages waits
 * for the consumer, what is more is fetched from the history when the consumer gets there, so a slow one holds up
 * neither the server nor its own `send`.
 *
 * @throws {StreamingError} from the loop: OUT_OF_RANGE (COMPACTED, FUTURE_POSITION) or FAILED_PRECONDITION
 *   (EPOCH_CHANGED) if messages are lost, unless there is `onGap`; NOT_FOUND if the room was deleted; PERMISSION_DENIED
 *   if the user may not be in it any more; AbortError if `signal` aborted
 */
export interface ChatRoom extends AsyncIterable<ChatMessage>, AsyncDisposable {
  readonly room: string;
  /** May be called once. */
  [Symbol.asyncIterator](): AsyncIterator<ChatMessage, undefined, undefined>;
  /** After the last message that the consumer has finished: it asked for the next one. */
  readonly position: Required<ChatPosition>;
  /** Who is in the room, by user id, as last told. Empty unless presence was asked for. */
  readonly members: ReadonlyMap<string, ChatMember>;
  /** Resolves when it has ended, and how; never rejects. Left is `completed`. */
  readonly closed: Promise<StreamEnd>;
  /** How many times the room was joined, or was tried to. */
  readonly attempts: number;
  /** Bytes of messages that are not acknowledged. At most 4 MiB. */
  readonly pendingBytes: number;
  /**
   * Sends a message; resolves once it is stored. Messages are stored in the order of the calls: one at a time is
   * on its way, so that none overtakes another that the server has put off. Needs no handler.
   *
   * A refusal that may pass (the rate limit) is waited out for as long as the server says, a minute at most.
   *
   * @throws {StreamingError} why this message is not stored, all others go on: INVALID_ARGUMENT (LIMIT_EXCEEDED),
   *   PERMISSION_DENIED, RESOURCE_EXHAUSTED if the rate limit does not let it through in a minute, or if 4 MiB wait already…;
   *   what ended the room, once it has ended, and then it may be stored or not; AbortError if `signal` aborted,
   *   in the same way
   */
  send(message: string | OutgoingChatMessage, options?: ChatSendOptions): Promise<ChatReceipt>;
  /** Answers a message. As `send` with `replyTo`. */
  reply(messageId: string, content: string, options?: ChatSendOptions): Promise<ChatReceipt>;
  /** Replaces the content of a message. As `send`. */
  edit(messageId: string, content: string, options?: ChatSendOptions): Promise<ChatReceipt>;
  /** Removes the content of a message. As `send`. */
  redact(messageId: string, options?: ChatSendOptions): Promise<ChatReceipt>;
  /** Adds a reaction to a message, or takes it back. As `send`. */
  react(messageId: string, reaction: string, options?: ChatReactOptions): Promise<ChatReceipt>;
  /** Tells the others. Is lost if there is no connection. Default: active. */
  typing(active?: boolean): void;
  /** Says up to which message the user has read. Lower than before does nothing. */
  markRead(sequence: number): void;
  /**
   * Takes no more messages to send, waits until those before are acknowledged, then leaves the room. The consumer
   * still gets what has arrived. What is not acknowledged in time is rejected as cancelled.
   */
  leave(options?: ChatLeaveOptions): Promise<void>;
  /** Ends the loop silently and the room at once. */
  cancel(reason?: unknown): void;
  /** Leaves. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ChatSendOptions {
  /** Gives the message up. If it is on its way, it may be stored or not. */
  readonly signal?: AbortSignal;
}

export interface ChatReactOptions extends ChatSendOptions {
  /** Takes the reaction back. Default false. */
  readonly remove?: boolean;
}

export interface ChatLeaveOptions {
  /** In milliseconds. Default 10_000. */
  readonly timeoutMs?: number;
}

/** Which messages of a room's history, among those that are still stored. */
export interface ChatHistoryOptions extends CallOptions {
  /** Only messages after this sequence. */
  readonly after?: number;
  /** Only messages before this sequence. */
  readonly before?: number;
  /** From newer to older. Default false. */
  readonly backwards?: boolean;
  /** Most messages. Default: no bound. */
  readonly limit?: number;
  /** Messages fetched at a time. Default 100, at most 1000. */
  readonly pageSize?: number;
}

/** A room as the server keeps it. */
export interface ChatRoomInfo {
  readonly room: string;
  readonly displayName: string;
  /** Anyone may join; otherwise only `members`. */
  readonly open: boolean;
  readonly members: readonly string[];
  /** Who made it. */
  readonly owner: string;
  readonly createdAt: Date | undefined;
  /** Newest position; 0 if there is no message. */
  readonly lastSequence: number;
  /** Oldest stored position. */
  readonly firstSequence: number;
  readonly epoch: string;
  /** How long messages are kept, in milliseconds; `undefined`: forever. */
  readonly retentionMs: number | undefined;
}

/** A room to make. */
export interface ChatRoomSpec {
  /** 1 to 128 of `A-Z a-z 0-9 - _ . :` */
  readonly room: string;
  readonly displayName?: string;
  /** Anyone may join. Default true. */
  readonly open?: boolean;
  /** Users who may join a room that is not open, besides its owner. */
  readonly members?: readonly string[];
  /** How long messages are kept, in milliseconds. Default: forever. */
  readonly retentionMs?: number;
}

/** Users to add to a room that is not open, and to remove from it. */
export interface ChatMemberChanges {
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
}

export interface ListChatRoomsOptions extends CallOptions {
  /** Rooms fetched at a time. Default 100, at most 1000. */
  readonly pageSize?: number;
}

/** Who is in a room. */
export interface ChatPresence {
  /** The first 1000. */
  readonly members: readonly ChatMember[];
  /** How many there are. */
  readonly count: number;
}
