import type { ChatControl, ChatJoin, ChatMessage, ChatOpen, ChatReceipt } from "@millrace/shared-types";
import { DEFAULT_CHAT_ROOM, invalidField, protocolViolation, ServiceError } from "@millrace/shared-types";

import type { CallContext } from "../rpc/call-context.js";

import type { ChatClient } from "./chat-client.js";
import type { ChatDeps } from "./chat-deps.js";
import { controlMessage, errorMessage } from "./control-message.js";
import type { Membership } from "./membership.js";
import { draftOf, messageIdOf } from "./message-draft.js";
import { placeAtEnd, placeByJoin, placeWhereItIs } from "./placing.js";
import { rateLimited } from "./rate-limiter.js";
import { roomIdOf } from "./room-record.js";
import { storeMessage } from "./store-message.js";
import type { StreamRooms } from "./stream-rooms.js";

type ControlKind = ChatControl["kind"];

/** What a client says on one chat stream, message by message, and what comes of it. */
export class Conversation {
  readonly #client: ChatClient;
  readonly #rooms: StreamRooms;
  readonly #context: CallContext;
  readonly #deps: ChatDeps;
  #hasSpoken = false;
  /** The stream has not named a room of its own yet. */
  #isInDefaultRoom = true;

  constructor(client: ChatClient, rooms: StreamRooms, context: CallContext, deps: ChatDeps) {
    this.#client = client;
    this.#rooms = rooms;
    this.#context = context;
    this.#deps = deps;
  }

  /** Where every stream begins: who only reads hears this room. */
  async begin(): Promise<void> {
    await this.#rooms.join(DEFAULT_CHAT_ROOM, placeAtEnd);
  }

  /**
   * Does what the client says. What cannot be done is told to a client that can be told; another one loses its
   * stream.
   */
  async take(message: ChatMessage): Promise<void> {
    const isFirst = !this.#hasSpoken;
    this.#hasSpoken = true;
    try {
      await this.#do(message, isFirst);
    } catch (error) {
      const isAnswer = error instanceof ServiceError && !this.#context.signal.aborted;
      if (!isAnswer || this.#client.wants === undefined) throw error;
      this.#client.outbox.put(errorMessage(error, message.roomId, message.clientMessageId));
    }
  }

  async #do(message: ChatMessage, isFirst: boolean): Promise<void> {
    const { control } = message;
    if (control === undefined) return this.#send(message);
    const { kind } = control;
    if (kind?.$case === "open") return this.#open(kind.value, isFirst);
    if (this.#client.wants === undefined) throw protocolViolation("control.open before other controls");
    return this.#doControl(roomIdOf(message.roomId), kind);
  }

  async #doControl(roomId: string, kind: ControlKind): Promise<void> {
    switch (kind?.$case) {
      case "join":
        return this.#join(roomId, kind.value);
      case "leave":
        return this.#rooms.leave(roomId);
      case "typing":
        return this.#in(roomId, (membership) => membership.room.typing(membership, kind.value.active));
      case "receipt":
        return this.#in(roomId, (membership) => receive(membership, kind.value));
      default:
        throw invalidField("control", "must be open, join, leave, typing or receipt");
    }
  }

  /** The default room goes on where the stream is, with all kinds of messages. */
  async #open(wants: ChatOpen, isFirst: boolean): Promise<void> {
    if (!isFirst) throw protocolViolation("control.open as the first message");
    this.#client.open(wants);
    if (wants.noDefaultRoom) return this.#rooms.leave(DEFAULT_CHAT_ROOM);
    await this.#rooms.join(DEFAULT_CHAT_ROOM, placeWhereItIs);
  }

  async #send(message: ChatMessage): Promise<void> {
    const { caller, wants, outbox } = this.#client;
    const roomId = roomIdOf(message.roomId);
    const draft = draftOf(message, caller, this.#deps.limits);
    await this.#spend();
    const membership = await this.#membershipFor(roomId);
    const { room } = membership;
    const messageId = messageIdOf(draft, caller.id, room.stream);
    if (wants?.noEcho === true) membership.skip(messageId);
    const { revision: sequence, duplicate } = await storeMessage(this.#deps, room, draft, messageId);
    const value = { clientMessageId: draft.clientMessageId, messageId, sequence, duplicate };
    if (wants?.acks === true) outbox.put(controlMessage({ $case: "ack", value }, { roomId }));
  }

  /** Who sends to a room is in it. The room that nobody has asked for is left for the first one that is named. */
  async #membershipFor(roomId: string): Promise<Membership> {
    const membership = this.#rooms.get(roomId) ?? (await this.#rooms.join(roomId, placeAtEnd));
    if (this.#client.wants === undefined && this.#isInDefaultRoom && roomId !== DEFAULT_CHAT_ROOM) {
      this.#isInDefaultRoom = false;
      this.#rooms.leave(DEFAULT_CHAT_ROOM);
    }
    return membership;
  }

  async #join(roomId: string, join: ChatJoin): Promise<void> {
    const place = placeByJoin(join);
    await this.#deps.rates.untilTaken(this.#client.caller.rateKey, this.#context.signal);
    await this.#rooms.join(roomId, place);
  }

  #in(roomId: string, work: (membership: Membership) => void): void {
    const membership = this.#rooms.get(roomId);
    if (membership === undefined) throw protocolViolation(`control.join of the room ${JSON.stringify(roomId)}`);
    work(membership);
  }

  /** A client that can be told is told to wait; from another one nothing is read meanwhile. */
  async #spend(): Promise<void> {
    const { rates } = this.#deps;
    const { caller, wants } = this.#client;
    if (wants === undefined) return rates.untilTaken(caller.rateKey, this.#context.signal);
    const waitMs = rates.take(caller.rateKey);
    if (waitMs > 0) throw rateLimited(waitMs);
  }
}

function receive(membership: Membership, { sequence }: ChatReceipt): void {
  const last = membership.newestRevision;
  if (sequence < 1) throw invalidField("control.receipt.sequence", "must be positive");
  if (sequence > last) {
    const metadata = { last_sequence: last };
    throw new ServiceError("FUTURE_POSITION", `position ${String(sequence)} is not in the room yet`, { metadata });
  }
  membership.room.read(membership, sequence);
}
