import {
  type ChatControl,
  ChatMessage,
  ChatServiceDefinition,
  decodeMessage,
  encodeStatusDetails,
  type PartialMessage,
  resourceNotFound,
  ServiceError,
  Status,
  toTimestamp,
} from "@millrace/shared-types";

import type { InMemoryCallContext } from "../testing/in-memory-context.js";
import type { Serve } from "../testing/in-memory-server.js";

type Kind = NonNullable<ChatControl["kind"]>;

/** A room with every number in view. */
export interface FakeRoom {
  epoch: string;
  /** Messages up to this one are gone. */
  compacted: number;
  messages: ChatMessage[];
}

/** What one stream is sent, in order. */
class FakeStream {
  readonly joined: Set<string> = new Set<string>();
  #queue: ChatMessage[] = [];
  #isOver = false;
  #wake: () => void = () => {};

  put(message: ChatMessage): void {
    this.#queue.push(message);
    this.#wake();
  }

  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  async *sent(): AsyncGenerator<ChatMessage> {
    for (;;) {
      yield* this.#queue.splice(0);
      if (this.#queue.length > 0) continue;
      if (this.#isOver) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** What the chat service promises, in memory, and how it can go wrong. */
export class FakeChatServer {
  readonly rooms: Map<string, FakeRoom> = new Map();
  /** Everything that streams were told, by kind: `open`, `join`, …, and `text` for messages. */
  readonly heard: { readonly kind: string; readonly message: ChatMessage }[] = [];
  /** Pages of history that were asked for. */
  pages = 0;
  /** Messages of history that a join sends at most. */
  maxJoinHistory = 1000;
  /** Members that a join tells of. */
  members: { userId: string; readSequence?: number }[] = [];
  /** Refuses a message before it is stored. */
  refuse: (message: ChatMessage) => ServiceError | undefined = () => undefined;
  /** Refuses a join. */
  refuseJoin: () => ServiceError | undefined = () => undefined;
  /** Ends a stream, as if all were said, in place of doing what it is told next. */
  endNextStream = false;
  /** Changes what is sent; `undefined`: it is not. */
  tamper: (message: ChatMessage) => ChatMessage | undefined = (message) => message;
  readonly #streams = new Set<FakeStream>();

  readonly register = (serve: Serve): void => {
    serve(ChatServiceDefinition, {
      chat: (requests, context) => this.#chat(requests, context),
      sendMessage: async ({ message }) => {
        const { stored, duplicate } = this.#store(ChatMessage.fromPartial(message ?? {}));
        return { message: stored, duplicate };
      },
      listMessages: async ({ roomId, afterSequence, beforeSequence, backwards, pageSize }) => {
        this.pages++;
        const { messages, epoch, compacted } = this.room(roomId);
        const before = beforeSequence || Infinity;
        const found = messages.filter(({ sequence }) => sequence > afterSequence && sequence < before);
        if (backwards) found.reverse();
        const page = found.slice(0, pageSize || 100);
        const hasMore = page.length < found.length;
        const lastSequence = messages.at(-1)?.sequence ?? compacted;
        return { messages: page, hasMore, firstSequence: compacted + 1, lastSequence, epoch };
      },
      createRoom: async ({ room }) => {
        const roomId = room?.roomId ?? "";
        if (this.rooms.has(roomId)) throw new ServiceError("RESOURCE_EXISTS", `room ${roomId} exists`);
        const { displayName = "", open = false, memberIds = [], retention } = room ?? {};
        return { room: { ...this.#info(roomId), displayName, open, memberIds, retention } };
      },
      getRoom: async ({ roomId }) => ({ room: this.#info(roomId, true) }),
      listRooms: async ({ pageSize, pageToken }) => {
        const names = [...this.rooms.keys()].toSorted();
        const start = Number(pageToken);
        const page = names.slice(start, start + (pageSize || 100));
        const end = start + page.length;
        return { rooms: page.map((name) => this.#info(name)), nextPageToken: end < names.length ? String(end) : "" };
      },
      updateMembers: async ({ roomId, add }) => ({ room: { ...this.#info(roomId, true), memberIds: add } }),
      deleteRoom: async ({ roomId }) => {
        this.#info(roomId, true);
        this.rooms.delete(roomId);
        return {};
      },
      getPresence: async () => {
        const members = this.members.map((member) => ({
          connections: 1,
          onlineSince: toTimestamp(new Date(0)),
          readSequence: 0,
          ...member,
        }));
        return { members, memberCount: members.length };
      },
    });
  };

  /** The room, made by being named. */
  room(name: string): FakeRoom {
    const room = this.rooms.get(name) ?? { epoch: "e1", compacted: 0, messages: [] };
    this.rooms.set(name, room);
    return room;
  }

  /** Texts stored in a room, in order. */
  texts(name: string): readonly string[] {
    return this.room(name).messages.map(({ content }) => content);
  }

  /** Stores texts of somebody else. */
  say(room: string, ...texts: readonly string[]): void {
    for (const content of texts) this.#store(ChatMessage.fromPartial({ roomId: room, userId: "other", content }));
  }

  /** Sends a message about the stream to everybody. */
  tell(kind: Kind, subject: PartialMessage<ChatMessage> = {}): void {
    for (const stream of this.#streams) this.#put(stream, control(kind, subject));
  }

  /** Forgets the oldest messages. */
  compact(name: string, upTo: number): void {
    const room = this.room(name);
    room.compacted = upTo;
    room.messages = room.messages.filter(({ sequence }) => sequence > upTo);
  }

  async *#chat(requests: AsyncIterable<ChatMessage>, { signal }: InMemoryCallContext): AsyncGenerator<ChatMessage> {
    const stream = new FakeStream();
    this.#streams.add(stream);
    const end = (): void => stream.end();
    signal.addEventListener("abort", end);
    const listening = this.#listen(stream, requests).finally(end);
    try {
      yield* stream.sent();
      await listening;
    } finally {
      this.#streams.delete(stream);
      signal.removeEventListener("abort", end);
      listening.catch(() => {});
    }
  }

  async #listen(stream: FakeStream, requests: AsyncIterable<ChatMessage>): Promise<void> {
    for await (const message of requests) {
      if (this.endNextStream) {
        this.endNextStream = false;
        return;
      }
      const kind = message.control?.kind;
      this.heard.push({ kind: kind?.$case ?? "text", message });
      if (kind === undefined) this.#receive(stream, message);
      else if (kind.$case === "join") this.#join(stream, message.roomId, kind.value);
      else if (kind.$case === "leave") stream.joined.delete(message.roomId);
    }
  }

  #join(
    stream: FakeStream,
    name: string,
    { afterSequence, epoch, historyLimit }: Extract<Kind, { $case: "join" }>["value"],
  ): void {
    const refusal = this.refuseJoin();
    if (refusal !== undefined) return this.#put(stream, errorOf(refusal, name));
    const room = this.room(name);
    const last = room.messages.at(-1)?.sequence ?? room.compacted;
    const isOurs = afterSequence !== undefined && ["", room.epoch].includes(epoch) && afterSequence <= last;
    const limit = Math.min(this.maxJoinHistory, historyLimit || (afterSequence === undefined ? 0 : 1000));
    const start = Math.max(isOurs ? afterSequence : 0, last - limit, room.compacted);
    stream.joined.add(name);
    const facts = { epoch: room.epoch, firstSequence: room.compacted + 1, lastSequence: last };
    const members = this.members.map((member) => ({
      connections: 1,
      onlineSince: undefined,
      readSequence: 0,
      ...member,
    }));
    const value = { ...facts, recovered: isOurs && afterSequence === start, members };
    this.#put(stream, control({ $case: "joined", value }, { roomId: name }));
    for (const message of room.messages) if (message.sequence > start) this.#put(stream, message);
  }

  #receive(stream: FakeStream, message: ChatMessage): void {
    const { roomId, clientMessageId } = message;
    const refusal = this.refuse(message);
    if (refusal !== undefined) return this.#put(stream, errorOf(refusal, roomId, clientMessageId));
    const { stored, duplicate } = this.#store(message);
    const { messageId, sequence } = stored;
    this.#put(
      stream,
      control({ $case: "ack", value: { clientMessageId, messageId, sequence, duplicate } }, { roomId }),
    );
  }

  #store(message: ChatMessage): { readonly stored: ChatMessage; readonly duplicate: boolean } {
    const room = this.room(message.roomId);
    const { clientMessageId } = message;
    const known = room.messages.find((other) => clientMessageId !== "" && other.clientMessageId === clientMessageId);
    if (known !== undefined) return { stored: known, duplicate: true };
    const sequence = (room.messages.at(-1)?.sequence ?? room.compacted) + 1;
    const facts = { messageId: `m${String(sequence)}`, sequence, timestamp: toTimestamp(new Date(0)) };
    const stored = { ...message, userId: message.userId || "me", ...facts };
    room.messages.push(stored);
    for (const stream of this.#streams) if (stream.joined.has(message.roomId)) this.#put(stream, stored);
    return { stored, duplicate: false };
  }

  #put(stream: FakeStream, message: ChatMessage): void {
    const sent = this.tamper(message);
    if (sent !== undefined) stream.put(sent);
  }

  #info(roomId: string, mustExist = false) {
    if (mustExist && !this.rooms.has(roomId)) throw resourceNotFound("room", roomId);
    const { epoch, compacted, messages } = this.room(roomId);
    return {
      roomId,
      displayName: "",
      open: true,
      memberIds: [],
      ownerId: "me",
      createTime: toTimestamp(new Date(0)),
      lastSequence: messages.at(-1)?.sequence ?? compacted,
      firstSequence: compacted + 1,
      retention: undefined,
      epoch,
    };
  }
}

function control(kind: Kind, subject: PartialMessage<ChatMessage>): ChatMessage {
  return { ...ChatMessage.fromPartial(subject), control: { kind } };
}

function errorOf(error: ServiceError, roomId: string, clientMessageId = ""): ChatMessage {
  const status = decodeMessage(Status, encodeStatusDetails(error));
  return control({ $case: "error", value: { clientMessageId, status } }, { roomId });
}
