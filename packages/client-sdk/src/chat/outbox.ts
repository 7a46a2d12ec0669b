import { EventEmitter, once } from "node:events";

import type { ChatAck } from "@millrace/shared-types";

import { FailedPreconditionError, ResourceExhaustedError, type StreamingError } from "../errors.js";
import { cancelledBy } from "../files/cancelled-by.js";
import type { ClientClock } from "../options.js";
import { CHAT_METHOD } from "./chat-error.js";
import type { SentMessage } from "./chat-message.js";
import type { ChatReceipt } from "./types.js";

/** Messages that are not acknowledged, in bytes. */
const MAX_PENDING_BYTES = 4 * 1024 * 1024;

/** What a message costs besides its content, about. */
const MESSAGE_BYTES = 512;

/** How long the server may put off one message, in milliseconds, and for how long at a time if it does not say. */
const MAX_DELAY_MS = 60_000;
const DEFAULT_DELAY_MS = 1000;

interface Entry {
  readonly message: SentMessage;
  readonly bytes: number;
  readonly resolve: (receipt: ChatReceipt) => void;
  readonly reject: (error: unknown) => void;
  /** When the server first put it off, in milliseconds since 1970. */
  delayedSince?: number;
}

/**
 * Messages that are not known to be stored, in the order in which they are to be. One at a time is on its way:
 * behind one that the server puts off, others would be stored before it.
 */
export class Outbox {
  readonly #clock: ClientClock;
  readonly #changes = new EventEmitter();
  readonly #entries = new Set<Entry>();
  #pendingBytes = 0;
  /** Sends over the present stream; `undefined` while there is none. */
  #transmit: ((message: SentMessage) => void) | undefined;
  /** On its way, or given up while it was. */
  #sent: Entry | undefined;
  #stopDelay: (() => void) | undefined;
  #refusal: StreamingError | undefined;

  constructor(clock: ClientClock) {
    this.#clock = clock;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  /** Queues a message; resolves when it is stored. */
  push(message: SentMessage, signal?: AbortSignal): Promise<ChatReceipt> {
    const bytes = MESSAGE_BYTES + Buffer.byteLength(message.content);
    const { promise, resolve, reject } = Promise.withResolvers<ChatReceipt>();
    const entry: Entry = { message, bytes, resolve, reject };
    const error =
      this.#refusal ??
      this.#tooMuch(bytes) ??
      (signal?.aborted === true ? cancelledBy(signal, CHAT_METHOD) : undefined);
    if (error !== undefined) {
      reject(error);
      return promise;
    }
    this.#entries.add(entry);
    this.#pendingBytes += bytes;
    if (signal !== undefined) this.#giveUpOn(signal, entry, promise);
    this.#sendNext();
    return promise;
  }

  /** There is a stream: what was on its way goes again. */
  resume(transmit: (message: SentMessage) => void): void {
    this.#transmit = transmit;
    this.#sendNext();
  }

  /** The stream is lost. */
  suspend(): void {
    this.#transmit = undefined;
    this.#sent = undefined;
    this.#endDelay();
  }

  /** Takes no more messages: they are refused with `error`. */
  close(error: StreamingError = new FailedPreconditionError("the room was left", { method: CHAT_METHOD })): void {
    this.#refusal ??= error;
  }

  /** Rejects all that wait, and all later ones. */
  fail(error: StreamingError): void {
    this.suspend();
    this.#refusal = error;
    for (const entry of [...this.#entries]) this.#remove(entry).reject(error);
  }

  acknowledged({ clientMessageId, messageId: id, sequence, duplicate }: ChatAck): void {
    const entry = this.#takeSent(clientMessageId);
    if (entry === undefined) return;
    this.#remove(entry).resolve({ id, sequence, duplicate });
    this.#sendNext();
  }

  /** The server did not store the message; if that may pass, it is sent again later. */
  refused(clientMessageId: string, error: StreamingError): void {
    const entry = this.#takeSent(clientMessageId);
    if (entry === undefined) return;
    const delayMs = this.#delayOf(entry, error);
    if (delayMs === undefined) {
      this.#remove(entry).reject(error);
      this.#sendNext();
    } else {
      this.#stopDelay = this.#clock.after(delayMs, () => {
        this.#endDelay();
        this.#sendNext();
      });
    }
  }

  /** Resolves when nothing waits. Rejects when `signal` aborts. */
  async untilEmpty(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    while (!this.isEmpty) await once(this.#changes, "empty", { signal });
  }

  #sendNext(): void {
    if (this.#transmit === undefined || this.#sent !== undefined || this.#stopDelay !== undefined) return;
    const [entry] = this.#entries;
    if (entry === undefined) return;
    this.#sent = entry;
    this.#transmit(entry.message);
  }

  #takeSent(clientMessageId: string): Entry | undefined {
    const entry = this.#sent;
    if (entry?.message.clientMessageId !== clientMessageId) return undefined;
    this.#sent = undefined;
    return entry;
  }

  #remove(entry: Entry): Entry {
    if (this.#entries.delete(entry)) this.#pendingBytes -= entry.bytes;
    if (this.isEmpty) this.#changes.emit("empty");
    return entry;
  }

  /** `undefined`: the message is refused for good. */
  #delayOf(entry: Entry, error: StreamingError): number | undefined {
    if (!error.retryable) return undefined;
    const now = this.#clock.now();
    entry.delayedSince ??= now;
    const delayMs = error.retryAfterMs ?? DEFAULT_DELAY_MS;
    return now + delayMs - entry.delayedSince > MAX_DELAY_MS ? undefined : delayMs;
  }

  #endDelay(): void {
    this.#stopDelay?.();
    this.#stopDelay = undefined;
  }

  #giveUpOn(signal: AbortSignal, entry: Entry, settled: Promise<unknown>): void {
    const onAbort = (): void => this.#remove(entry).reject(cancelledBy(signal, CHAT_METHOD));
    const forget = (): void => signal.removeEventListener("abort", onAbort);
    signal.addEventListener("abort", onAbort, { once: true });
    settled.then(forget, forget);
  }

  #tooMuch(bytes: number): StreamingError | undefined {
    if (this.#pendingBytes === 0 || this.#pendingBytes + bytes <= MAX_PENDING_BYTES) return undefined;
    const message = `${String(this.#pendingBytes)} bytes of messages wait to be stored already: await some of them`;
    return new ResourceExhaustedError(message, { method: CHAT_METHOD });
  }
}
