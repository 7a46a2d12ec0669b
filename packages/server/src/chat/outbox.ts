import { type ChatMessage, EncodedMessages } from "@millrace/shared-types";

/** Answers to the client's own messages that may wait, 100 KiB each at most: with more, no further message is read. */
const MAX_WAITING_CONTROLS = 16;

/** Notices that may wait, 1 KiB each at most; the oldest give way. */
const MAX_WAITING_NOTICES = 256;

/** Where messages are read when there is room for them. */
export interface MessageSource {
  /** The next messages, serialized; may be none. Says by itself when there are more. */
  read(): Promise<readonly Uint8Array[]>;
}

/**
 * What waits to be sent over one chat stream. Messages do not wait here but in the log: a source that has some is
 * asked when the client has taken what came before, each source in its turn.
 */
export class Outbox {
  readonly #signal: AbortSignal;
  readonly #onSent: () => void;
  readonly #controls: ChatMessage[] = [];
  /** By what they are about. */
  readonly #notices = new Map<string, ChatMessage>();
  readonly #ready = new Set<MessageSource>();
  #isDone: (() => boolean) | undefined;
  #isNoticesTurn = false;
  #failure: { readonly reason: unknown } | undefined;
  #isClosed = false;
  #wake: () => void = () => {};
  #onRoom: () => void = () => {};

  /** @param onSent called whenever something was sent */
  constructor(signal: AbortSignal, onSent: () => void) {
    this.#signal = signal;
    this.#onSent = onSent;
  }

  /** Sends `control` before everything else. */
  put(control: ChatMessage): void {
    this.#controls.push(control);
    this.#wake();
  }

  /** Sends `notice` when there is nothing else to send, in place of one about the same that still waits. */
  notice(about: string, notice: ChatMessage): void {
    const [oldest] = this.#notices.keys();
    if (this.#notices.size >= MAX_WAITING_NOTICES && oldest !== undefined && !this.#notices.has(about))
      this.#notices.delete(oldest);
    this.#notices.set(about, notice);
    this.#wake();
  }

  /** `source` has messages. */
  ready(source: MessageSource): void {
    this.#ready.add(source);
    this.#wake();
  }

  /** `source` has none any more. */
  forget(source: MessageSource): void {
    this.#ready.delete(source);
  }

  /** Resolves when the client has taken enough of the answers to its messages, or takes nothing any more. */
  async untilRoom(): Promise<void> {
    while (this.#controls.length >= MAX_WAITING_CONTROLS && !this.#isClosed) {
      await new Promise<void>((resolve) => (this.#onRoom = resolve));
    }
  }

  /** The stream ends once all answers are sent and `isDone`; notices that wait are dropped then. */
  finish(isDone: () => boolean): void {
    this.#isDone = isDone;
    this.#wake();
  }

  /** The stream fails. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#wake();
  }

  /** All that is sent, until the stream ends. Rejects with the signal's reason. */
  async *messages(): AsyncGenerator<ChatMessage | EncodedMessages, void, undefined> {
    const onAbort = (): void => this.#wake();
    this.#signal.addEventListener("abort", onAbort);
    try {
      while (!this.#isOver()) {
        const next = await this.#next();
        if (next === undefined) await this.#untilWoken();
        else {
          yield next;
          this.#onSent();
        }
      }
    } finally {
      this.#signal.removeEventListener("abort", onAbort);
      this.#isClosed = true;
      this.#onRoom();
    }
  }

  /** An answer, else messages and notices in turn. What it takes is decided at once, so that no message overtakes an answer. */
  async #next(): Promise<ChatMessage | EncodedMessages | undefined> {
    const control = this.#controls.shift();
    if (control !== undefined) {
      this.#onRoom();
      return control;
    }
    const [source] = this.#ready;
    this.#isNoticesTurn = !this.#isNoticesTurn || source === undefined;
    const notice = this.#isNoticesTurn ? this.#takeNotice() : undefined;
    if (notice !== undefined || source === undefined) return notice;
    this.#ready.delete(source);
    const messages = await source.read();
    return messages.length === 0 ? undefined : new EncodedMessages(messages);
  }

  #takeNotice(): ChatMessage | undefined {
    const [first] = this.#notices;
    if (first === undefined) return undefined;
    const [about, notice] = first;
    this.#notices.delete(about);
    return notice;
  }

  /** Whether all is sent that has to be. @throws the reason of the failure or of the signal */
  #isOver(): boolean {
    this.#signal.throwIfAborted();
    if (this.#failure !== undefined) throw this.#failure.reason;
    return this.#controls.length === 0 && this.#isDone?.() === true;
  }

  async #untilWoken(): Promise<void> {
    const hasWork = this.#controls.length + this.#notices.size + this.#ready.size > 0;
    if (hasWork || this.#signal.aborted || this.#failure !== undefined || this.#isDone?.() === true) return;
    await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}
