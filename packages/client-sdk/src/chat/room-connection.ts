import {
  type ChatControl,
  type ChatError,
  type ChatJoin,
  type ChatJoined,
  type ChatMessage as WireChatMessage,
  type ChatOpen,
  ChatServiceDefinition,
  durationOfMs,
  type PartialMessage,
} from "@millrace/shared-types";

import { StreamingError, UnavailableError } from "../errors.js";
import type { CallOptions } from "../options.js";
import { type Deferred, deferred } from "../rpc/deferred.js";
import type { ResumeLoop } from "../rpc/resume-loop.js";
import type { DuplexStream } from "../rpc/streams.js";
import type { ChatDeps } from "./chat-api.js";
import { CHAT_METHOD, refusalOf } from "./chat-error.js";
import { RoomMembers } from "./chat-member.js";
import { type SentMessage, toChatMessage } from "./chat-message.js";
import type { Inbox } from "./inbox.js";
import type { Outbox } from "./outbox.js";
import { tell } from "./tell.js";
import type { ChatGap, ChatJoinOptions, ChatJoinTarget, ChatPresenceChange } from "./types.js";

type ChatStream = DuplexStream<PartialMessage<WireChatMessage>, WireChatMessage>;

const DEFAULT_HEARTBEAT_MS = 5000;

/** Heartbeats that may fail to come before the connection counts as lost. */
const MISSED_HEARTBEATS = 2.5;

/** What a connection works on. */
export interface RoomConnectionTask {
  readonly target: ChatJoinTarget;
  readonly options: ChatJoinOptions;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Called with what can never come. @throws what the room is to fail with */
  readonly onGap: (gap: ChatGap) => void;
}

/** Keeps one room joined, over as many streams as that takes. */
export class RoomConnection {
  readonly members: RoomMembers = new RoomMembers();
  readonly #deps: ChatDeps;
  readonly #task: RoomConnectionTask;
  readonly #loop: ResumeLoop;
  readonly #joined: Deferred<void> = deferred();
  /** In which the room is joined. */
  #stream: ChatStream | undefined;
  /** Up to where the user has read, and up to where that was said over the present stream. */
  #readSequence = 0;
  #saidReadSequence = 0;
  #isLeaving = false;

  constructor(deps: ChatDeps, task: RoomConnectionTask) {
    this.#deps = deps;
    this.#task = task;
    this.#loop = deps.openResumeLoop({ policy: task.options.resume, signal: task.signal });
  }

  get attempts(): number {
    return this.#loop.attempts;
  }

  /** Resolves when the room is joined for the first time; never rejects. */
  get joined(): Promise<void> {
    return this.#joined.promise;
  }

  /**
   * Resolves when the room was left.
   *
   * @throws {StreamingError} what ended it before that
   */
  async run(): Promise<void> {
    for (;;) {
      try {
        return await this.#attempt();
      } catch (error) {
        if (this.#isLeaving) return;
        await this.#loop.waitAfter(error, String(this.#task.inbox.position.sequence));
      }
    }
  }

  /**
   * Leaves the room, and so ends `run`, once the server has sent what it has so far. Returns false if there is
   * nothing to leave now.
   */
  leave(): boolean {
    const stream = this.#stream;
    if (stream === undefined) return false;
    this.#isLeaving = true;
    void stream.end();
    return true;
  }

  typing(active: boolean): void {
    this.#say({ $case: "typing", value: { active } });
  }

  /** Is said again in each later stream: nobody acknowledges it. */
  markRead(sequence: number): void {
    this.#readSequence = Math.max(sequence, this.#readSequence);
    this.#sayRead();
  }

  async #attempt(): Promise<void> {
    const { outbox, target } = this.#task;
    const { chat } = ChatServiceDefinition.methods;
    await using stream: ChatStream = this.#deps.rpc.duplex(ChatServiceDefinition, chat, this.#callOptions());
    void stream.send({ control: { kind: { $case: "open", value: this.#open() } } });
    void stream.send({ roomId: target.room, control: { kind: { $case: "join", value: this.#join() } } });
    try {
      for await (const message of stream) this.#receive(message, stream);
    } finally {
      this.#stream = undefined;
      outbox.suspend();
    }
    if (!this.#isLeaving) throw endedByServer();
  }

  #receive(message: WireChatMessage, stream: ChatStream): void {
    const { inbox, outbox, target } = this.#task;
    if (message.control === undefined) {
      if (message.roomId !== target.room) return;
      inbox.add(toChatMessage(message, inbox.position.epoch));
      this.#sayRead();
      return;
    }
    const { kind } = message.control;
    switch (kind?.$case) {
      case "joined":
        return this.#onJoined(kind.value, stream);
      case "ack":
        return outbox.acknowledged(kind.value);
      case "error":
        return this.#onError(kind.value);
      case "presence":
        return this.#onPresence(this.members.apply(kind.value));
      case "typing":
        return tell(this.#task.options.onTyping, { userId: message.userId, active: kind.value.active });
      case "receipt":
        return this.#onReceipt(message.userId, kind.value.sequence);
      case "stream":
        // What a slow member was not sent; heartbeats and announcements need no answer.
        if (kind.value.kind?.$case === "gap") inbox.extendsTo(kind.value.kind.value.toSequence);
        return;
      default:
      // Of a newer server, or of a client.
    }
  }

  #onJoined(joined: ChatJoined, stream: ChatStream): void {
    const { inbox, outbox, onGap } = this.#task;
    const gap = inbox.compare(joined);
    if (gap !== undefined) onGap(gap);
    for (const change of this.members.replace(joined.members)) this.#onPresence(change);
    this.#stream = stream;
    this.#loop.progressed();
    this.#joined.resolve();
    this.#saidReadSequence = 0;
    this.#sayRead();
    outbox.resume((message) => this.#transmit(stream, message));
  }

  #transmit(stream: ChatStream, message: SentMessage): void {
    stream.send(message).catch((error: unknown) => {
      // Of a stream that has ended the message goes over the next one.
      if (isUnsendable(error)) this.#task.outbox.refused(message.clientMessageId, error);
    });
  }

  #onError(refused: ChatError): void {
    const error = refusalOf(refused);
    if (refused.clientMessageId !== "") this.#task.outbox.refused(refused.clientMessageId, error);
    // The join, or the room itself. What may pass concerns a notice that is of no use any more.
    else if (this.#stream === undefined || !error.retryable) throw error;
  }

  #onPresence(change: ChatPresenceChange): void {
    tell(this.#task.options.onPresence, change);
  }

  #onReceipt(userId: string, sequence: number): void {
    this.members.read(userId, sequence);
    tell(this.#task.options.onRead, { userId, sequence });
  }

  /** A message that has not come in, such as one that was just sent, cannot be read yet as the server sees it. */
  #sayRead(): void {
    const sequence = this.#readSequence;
    const newest = this.#task.inbox.resumeAfter?.sequence ?? 0;
    if (this.#stream === undefined || sequence <= this.#saidReadSequence || sequence > newest) return;
    this.#saidReadSequence = sequence;
    this.#say({ $case: "receipt", value: { sequence } });
  }

  /** Sends a notice, if there is somebody to hear it. */
  #say(kind: ChatControl["kind"]): void {
    void this.#stream?.send({ roomId: this.#task.target.room, control: { kind } });
  }

  #open(): PartialMessage<ChatOpen> {
    const { heartbeatMs = DEFAULT_HEARTBEAT_MS, onTyping, onRead, onPresence, presence } = this.#task.options;
    return {
      acks: true,
      noDefaultRoom: true,
      presence: presence ?? onPresence !== undefined,
      typing: onTyping !== undefined,
      receipts: onRead !== undefined,
      ...(heartbeatMs > 0 && { heartbeatInterval: durationOfMs(heartbeatMs) }),
    };
  }

  #join(): PartialMessage<ChatJoin> {
    const after = this.#task.inbox.resumeAfter;
    if (after === undefined) return { historyLimit: this.#task.target.historyLimit ?? 0 };
    return { afterSequence: after.sequence, epoch: after.epoch };
  }

  #callOptions(): CallOptions {
    const { heartbeatMs = DEFAULT_HEARTBEAT_MS, headers } = this.#task.options;
    return {
      signal: this.#task.signal,
      ...(headers && { headers }),
      ...(heartbeatMs > 0 && { idleTimeoutMs: heartbeatMs * MISSED_HEARTBEATS }),
    };
  }
}

/** Whether it is the message's own fault, as for one that is too large. */
function isUnsendable(error: unknown): error is StreamingError {
  if (!StreamingError.is(error) || error.origin !== "client") return false;
  return ["invalid-argument", "message-too-large", "resource-exhausted"].includes(error.kind);
}

function endedByServer(): UnavailableError {
  const message = "the server ended the chat";
  return new UnavailableError(message, { method: CHAT_METHOD, origin: "server", retryable: true });
}
