import {
  type ChatControl,
  ChatMessage,
  decodeMessage,
  decodeStatusDetails,
  EncodedMessages,
  encodeMessage,
  type PartialMessage,
  Status,
} from "@millrace/shared-types";

import { chat } from "./chat.js";
import type { Chat } from "./chat-service.js";
import { callOf, type TestCall } from "./test-call.test.support.js";
import { TestRequests } from "./test-requests.test.support.js";

type Control = NonNullable<ChatControl["kind"]>;

type ControlOf<K extends Control["$case"]> = Extract<Control, { $case: K }>["value"];

/** A client on a chat stream: what it says, and what it hears. */
export class TestMember implements AsyncDisposable {
  /** All that was received so far. */
  readonly received: ChatMessage[] = [];
  /** Settles as the stream does. */
  readonly ended: Promise<void>;
  readonly #call: TestCall;
  readonly #requests = new TestRequests();
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
