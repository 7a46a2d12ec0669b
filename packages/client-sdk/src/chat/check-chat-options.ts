import { checkHeartbeat } from "../check-heartbeat.js";
import { CALL_NAMES, RESUME_NAMES } from "../check-options.js";
import { checkText, checkTextLists, checkTextMap, checkTexts } from "../check-text.js";
import { checkNames, type NamesOf } from "../option-names.js";
import type {
  ChatHistoryOptions,
  ChatJoinOptions,
  ChatJoinTarget,
  ChatMemberChanges,
  ChatPosition,
  ChatRoomSpec,
  ChatSendOptions,
  ListChatRoomsOptions,
  OutgoingChatMessage,
} from "./types.js";

const TARGET: NamesOf<Omit<ChatJoinTarget, "after">> = { room: "any", historyLimit: "number" };

const JOIN: NamesOf<ChatJoinOptions> = {
  signal: "any",
  headers: "any",
  presence: "any",
  onPresence: "any",
  onTyping: "any",
  onRead: "any",
  onGap: "any",
  heartbeatMs: "number",
  resume: RESUME_NAMES,
};

const MESSAGE: NamesOf<OutgoingChatMessage> = {
  content: "any",
  replyTo: "any",
  metadata: "any",
  contentType: "any",
  attachments: "any",
  clientMessageId: "any",
};

const SEND: NamesOf<ChatSendOptions> = { signal: "any" };

const HISTORY: NamesOf<ChatHistoryOptions> = {
  ...CALL_NAMES,
  after: "number",
  before: "number",
  backwards: "any",
  limit: "number",
  pageSize: "number",
};

const LIST: NamesOf<ListChatRoomsOptions> = { ...CALL_NAMES, pageSize: "number" };

const SPEC: NamesOf<ChatRoomSpec> = {
  room: "any",
  displayName: "any",
  open: "any",
  members: "any",
  retentionMs: "number",
};

const CHANGES: NamesOf<ChatMemberChanges> = { add: "any", remove: "any" };

const MAX_HISTORY = 1000;

/** Refuses options as {@link checkNames} does, a missing room, and a beginning that is none. */
export function checkJoin({ after, ...target }: ChatJoinTarget, options: ChatJoinOptions): void {
  checkNames(target, TARGET);
  checkRoom(target.room);
  checkNames(options, JOIN);
  if (after !== undefined) checkPosition(after);
  const { historyLimit = 0 } = target;
  if (after !== undefined && historyLimit > 0) {
    throw new TypeError("options 'after' and 'historyLimit' exclude each other");
  }
  if (!(Number.isInteger(historyLimit) && historyLimit <= MAX_HISTORY)) {
    throw new RangeError(`option 'historyLimit' is ${String(historyLimit)}, not 0 to ${String(MAX_HISTORY)}`);
  }
  checkHeartbeat(options.heartbeatMs);
}

/** The server would take none for its default room. */
export function checkRoom(room: unknown): void {
  if (typeof room !== "string" || room === "") throw new TypeError("option 'room' is missing: which room is it?");
  checkText("'room'", room);
}

export function checkMessage(message: string | OutgoingChatMessage): void {
  if (typeof message === "string") return;
  checkNames(message, MESSAGE);
  if (typeof message.content !== "string") throw new TypeError("option 'content' is missing: what does it say?");
  const { replyTo, contentType, clientMessageId, metadata } = message;
  checkTexts({ replyTo, contentType, clientMessageId });
  checkTextMap("metadata", metadata);
}

export function checkSendOptions(options: ChatSendOptions): void {
  checkNames(options, SEND);
}

export function checkHistoryOptions(options: ChatHistoryOptions): void {
  checkNames(options, HISTORY);
}

export function checkListRoomsOptions(options: ListChatRoomsOptions): void {
  checkNames(options, LIST);
}

export function checkRoomSpec(spec: ChatRoomSpec): void {
  checkNames(spec, SPEC);
  checkRoom(spec.room);
  checkTexts({ displayName: spec.displayName });
  checkTextLists({ members: spec.members });
}

export function checkMemberChanges(changes: ChatMemberChanges): void {
  checkNames(changes, CHANGES);
  checkTextLists({ add: changes.add, remove: changes.remove });
}

/** A whole message serves as one, so its other names are welcome. */
function checkPosition({ sequence, epoch = "" }: ChatPosition): void {
  if (Number.isSafeInteger(sequence) && sequence >= 0 && typeof epoch === "string") return;
  throw new TypeError("option 'after' is no position of a room: { sequence, epoch }");
}
