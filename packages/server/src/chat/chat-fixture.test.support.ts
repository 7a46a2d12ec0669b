import type { ChatControl, PartialMessage } from "@millrace/shared-types";
import {
  ChatMessage,
  createTokenSigner,
  decodeMessage,
  decodeStatusDetails,
  EncodedMessages,
  encodeMessage,
  Status,
} from "@millrace/shared-types";

import { MemoryEventLog } from "../adapters/memory/memory-event-log.js";
import { MemoryRecordStore } from "../adapters/memory/memory-record-store.js";
import { openEventFeed } from "../events/event-feed.js";
import { Positions } from "../events/positions.js";
import type { EventLog, LogEvent } from "../ports/event-log.js";
import type { RecordStore } from "../ports/record-store.js";
import type { CallContext } from "../rpc/call-context.js";
import { silentLogger } from "../rpc/logger.js";
import { ManualClock } from "../testing/manual-clock.js";

import { chat } from "./chat.js";
import { type Chat, type ChatOptions, openChat } from "./chat-service.js";
import { sendMessage } from "./send-message.js";

/** The chat for a test, in memory, with a clock that the test moves. */
export interface ChatFixture extends AsyncDisposable {
  readonly chat: Chat;
  readonly clock: ManualClock;
  readonly log: EventLog;
  readonly records: RecordStore;
  /** A stream of this user; none: of an anonymous caller. */
  connect(user?: string): TestMember;
  /** A stream of this user that has sent `open`. */
  open(user: string, wants?: PartialMessage<OpenWishes>): TestMember;
  /** The chat as another process finds it over the same stores; this one must be over. */
  reopen(): Promise<ChatFixture>;
}

type OpenWishes = Extract<NonNullable<ChatControl["kind"]>, { $case: "open" }>["value"];

export interface ChatFixtureOptions extends Partial<ChatOptions> {
  readonly clock?: ManualClock;
}

const SIGNER = createTokenSigner(Buffer.alloc(32, 1));

/** Opens a {@link ChatFixture}. Without a limit of their rate, unless one is given. */
export async function openChatFixture(options: ChatFixtureOptions = {}): Promise<ChatFixture> {
  const { clock = new ManualClock(Date.UTC(2026, 0, 1)) } = options;
  const log = options.eventLog ?? new MemoryEventLog({ clock });
  const records = options.records ?? new MemoryRecordStore();
  const positions = new Positions(SIGNER, "c1", log.epoch);
  const feed = options.feed ?? (await openEventFeed({ log, positions, tailBytes: 1024 * 1024 }));
  const running = await openChat({
    clusterId: "c1",
    tokenSigner: SIGNER,
    ...options,
    clock,
    eventLog: log,
    feed,
    records,
    limits: { maxChatMessagesPerSecond: 1_000_000, ...options.limits },
  });
  const members: TestMember[] = [];
  const connect = (user = ""): TestMember => {
    const member = new TestMember(running, user);
    members.push(member);
    return member;
  };
  const close = async (): Promise<void> => {
    for (const member of members) await member[Symbol.asyncDispose]();
    await running[Symbol.asyncDispose]();
    await feed[Symbol.asyncDispose]();
  };
  return {
    chat: running,
    clock,
    log,
    records,
    connect,
    open(user, wants = {}) {
      const member = connect(user);
      member.control({ $case: "open", value: wants });
      return member;
    },
    async reopen() {
      await close();
      return openChatFixture({ ...options, clock, eventLog: log, records });
    },
    [Symbol.asyncDispose]: close,
  };
}

/** Context of a unary call. */
export function contextOf(user = ""): CallContext {
  return callOf(user, "unary").context;
}

interface TestCall {
  readonly context: CallContext;
  readonly abort: AbortController;
  readonly draining: AbortController;
  readonly headersSent: Promise<void>;
}

function callOf(user: string, kind: CallContext["kind"]): TestCall {
  const abort = new AbortController();
  const draining = new AbortController();
  const headers = Promise.withResolvers<void>();
  const context: CallContext = {
    method: "/streaming.v1.ChatService/Test",
    kind,
    requestId: "r1",
    peer: "test",
    principal: { id: user },
    headers: {},
    deadline: undefined,
    signal: abort.signal,
    draining: draining.signal,
    done: new AbortController().signal,
    log: silentLogger,
    sendHeaders: () => headers.resolve(),
    trailers: {},
    resumeFrom: () => {},
  };
  return { context, abort, draining, headersSent: headers.promise };
}

type Control = NonNullable<ChatControl["kind"]>;

type ControlOf<K extends Control["$case"]> = Extract<Control, { $case: K }>["value"];

/** A client on a chat stream: what it says, and what it hears. */
export class TestMember implements AsyncDisposable {
  /** All that was received so far. */
  readonly received: ChatMessage[] = [];
  /** Settles as the stream does. */
  readonly ended: Promise<void>;
  readonly #call: TestCall;
  readonly #requests = new Requests();
  readonly #responses: AsyncGenerator<ChatMessage | EncodedMessages, void>;
  #taken = 0;
  #onReceived: () => void = () => {};
  #gate: Promise<void> = Promise.resolve();
  readonly #gates: (() => void)[] = [];
  #hasEnded = false;

  constructor(running: Chat, user: string) {
    this.#call = callOf(user, "bidi-streaming");
    this.#call.abort.signal.addEventListener("abort", () => {
      this.#requests.cut(this.#call.abort.signal.reason as Error);
      void this.#responses.return();
    });
    this.#responses = chat(this.#requests, this.#call.context, running);
    this.ended = this.#read().finally(() => {
      this.#hasEnded = true;
      this.#requests.cut(new Error("the call is over"));
      this.#onReceived();
    });
    this.ended.catch(() => {});
  }

  /** Resolves when the stream is in the default room. */
  get joined(): Promise<void> {
    return this.#call.headersSent;
  }

  say(content: string, fields: PartialMessage<ChatMessage> = {}): void {
    this.send({ content, ...fields });
  }

  control(kind: PartialMessage<Control>, roomId = ""): void {
    this.send({ roomId, control: { kind } });
  }

  /** Sends a message as it goes over the wire. */
  send(message: PartialMessage<ChatMessage>): void {
    this.#requests.push(decodeMessage(ChatMessage, encodeMessage(ChatMessage, ChatMessage.fromPartial(message))));
  }

  /** Resolves when everything that was sent has been dealt with. */
  untilRead(): Promise<void> {
    return this.#requests.untilIdle();
  }

  halfClose(): void {
    this.#requests.end();
  }

  /** The call ends as the runtime ends it. */
  abort(reason: Error = new Error("cancelled by the client")): void {
    this.#call.abort.abort(reason);
  }

  drain(): void {
    this.#call.draining.abort();
  }

  /** Takes nothing any more until the result is called. */
  stall(): () => void {
    const before = this.#gate;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise.then(() => before);
    this.#gates.push(resolve);
    return resolve;
  }

  /** The next message that was not taken yet. */
  async next(): Promise<ChatMessage> {
    for (;;) {
      const message = this.received[this.#taken];
      if (message !== undefined) {
        this.#taken += 1;
        return message;
      }
      if (this.#hasEnded) throw new Error("the stream has ended");
      await new Promise<void>((resolve) => (this.#onReceived = resolve));
    }
  }

  /** Takes messages up to the first one that `wanted` accepts. */
  async until(wanted: (message: ChatMessage) => boolean): Promise<ChatMessage> {
    for (;;) {
      const message = await this.next();
      if (wanted(message)) return message;
    }
  }

  /** Takes messages up to the next control of this kind, and gives that. */
  async untilControl<K extends Control["$case"]>(kind: K): Promise<ControlOf<K>> {
    const message = await this.until(({ control }) => control?.kind?.$case === kind);
    return message.control?.kind?.value as ControlOf<K>;
  }

  /** The contents of the next `count` messages that are no controls. */
  async texts(count: number): Promise<string[]> {
    const contents: string[] = [];
    while (contents.length < count) contents.push((await this.until(({ control }) => control === undefined)).content);
    return contents;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const open of this.#gates) open();
    if (!this.#hasEnded) this.abort();
    await this.ended.catch(() => {});
  }

  async #read(): Promise<void> {
    for await (const response of this.#responses) {
      const messages =
        response instanceof EncodedMessages
          ? response.toBytes().map((bytes) => decodeMessage(ChatMessage, bytes))
          : [response];
      this.received.push(...messages);
      this.#onReceived();
      await this.#gate;
    }
    this.#call.abort.signal.throwIfAborted();
  }
}

/** Requests as a call has them: read one at a time, until an end or a cut. */
class Requests implements AsyncIterable<ChatMessage> {
  readonly #waiting: ChatMessage[] = [];
  #end: "half-close" | Error | undefined;
  #wake: () => void = () => {};
  #onIdle: (() => void)[] = [];

  push(message: ChatMessage): void {
    this.#waiting.push(message);
    this.#wake();
  }

  end(): void {
    this.#end ??= "half-close";
    this.#wake();
  }

  cut(error: Error): void {
    this.#end = error;
    this.#wake();
    this.#idle();
  }

  untilIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.#onIdle.push(resolve);
      this.#wake();
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ChatMessage> {
    for (;;) {
      if (this.#end instanceof Error) throw this.#end;
      const message = this.#waiting.shift();
      if (message !== undefined) yield message;
      else if (this.#end === undefined) await this.#untilWoken();
      else return this.#idle();
    }
  }

  #untilWoken(): Promise<void> {
    this.#idle();
    return new Promise((resolve) => (this.#wake = resolve));
  }

  #idle(): void {
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }
}

/** Has somebody say this in a room, one after the other. */
export async function say(
  { chat: deps }: ChatFixture,
  roomId: string,
  ...contents: readonly string[]
): Promise<ChatMessage[]> {
  const sent: ChatMessage[] = [];
  for (const content of contents) sent.push(await sendAs({ chat: deps }, "somebody", { roomId, content }));
  return sent;
}

/** Sends one message as this user. */
export async function sendAs(
  { chat: deps }: Pick<ChatFixture, "chat">,
  user: string,
  message: PartialMessage<ChatMessage>,
): Promise<ChatMessage> {
  const response = await sendMessage({ message: ChatMessage.fromPartial(message) }, contextOf(user), deps);
  if (response.message === undefined) throw new Error("no message in the answer");
  return response.message;
}

/** What is stored at a position of a room. */
export async function eventOf(
  { chat: { log, rooms } }: ChatFixture,
  roomId: string,
  revision: number,
): Promise<LogEvent | undefined> {
  using use = await rooms.use(roomId);
  const { events } = await log.read({ after: 0, streams: [use.room.stream], maxEvents: 10_000, maxBytes: 1e9 });
  return events.find((event) => event.revision === revision);
}

/** What a client got, in short. */
export function heard({ received }: TestMember): (string | undefined)[] {
  return received.map(({ content, control }) => control?.kind?.$case ?? content);
}

/** Whether it is a message, and not one about the stream. */
export function isText({ control }: ChatMessage): boolean {
  return control === undefined;
}

/** What a ChatError says. */
export function reasonOf({ status }: { readonly status: Status | undefined }): string | undefined {
  return decodeStatusDetails(encodeMessage(Status, status ?? Status.fromPartial({}))).reason;
}
