import { EventEmitter, once } from "node:events";

import type { ChatJoined } from "@millrace/shared-types";

import { futurePosition } from "./chat-error.js";
import type { ChatGap, ChatJoinTarget, ChatMessage, ChatPosition } from "./types.js";

/** Messages that wait for the consumer, in bytes. What comes beyond that is fetched later. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** What a message costs besides its texts, about. */
const MESSAGE_BYTES = 512;

/** What a room stores. */
export type StoredRange = Pick<ChatJoined, "epoch" | "firstSequence" | "lastSequence" | "recovered">;

/**
 * What is known of a room's messages: a run of them that waits for the consumer, without holes, and how
 * far the room goes beyond that. The server's history is the buffer for everything else: what was dropped on
 * the way, or does not fit here, leaves the inbox behind until it is fetched.
 */
export class Inbox {
  readonly #room: string;
  readonly #historyLimit: number;
  readonly #changes = new EventEmitter();
  readonly #waiting: ChatMessage[] = [];
  #waitingBytes = 0;
  /** Of the room; empty while it is not known. */
  #epoch: string;
  /** Of the last message that came in without a hole before it; `undefined` before the first join. */
  #last: number | undefined;
  /** Of the newest message that is known to exist. */
  #newest: number;

  constructor({ room, after, historyLimit = 0 }: ChatJoinTarget) {
    this.#room = room;
    this.#historyLimit = historyLimit;
    this.#epoch = after?.epoch ?? "";
    this.#last = after?.sequence;
    this.#newest = after?.sequence ?? 0;
  }

  /** Right before the next message to be taken. */
  get position(): Required<ChatPosition> {
    return { sequence: (this.#last ?? 0) - this.#waiting.length, epoch: this.#epoch };
  }

  /** Where the next stream should begin; `undefined`: nowhere in particular. */
  get resumeAfter(): Required<ChatPosition> | undefined {
    return this.#last === undefined ? undefined : { sequence: this.#newest, epoch: this.#epoch };
  }

  /** Whether the next message has to be fetched. */
  get isBehind(): boolean {
    return this.#waiting.length === 0 && this.#newest > (this.#last ?? 0);
  }

  /**
   * Compares with what the room stores now, when it was joined for the first time or again. Returns the gap if that
   * does not follow what came in before; the inbox then goes on after it.
   *
   * @throws {StreamingError} OUT_OF_RANGE (FUTURE_POSITION) if the room has become shorter
   */
  compare({ epoch, firstSequence, lastSequence, recovered }: StoredRange): ChatGap | undefined {
    const beforeOldest = firstSequence === 0 ? lastSequence : firstSequence - 1;
    const sequence = this.#last;
    if (sequence === undefined) {
      this.skipTo({ sequence: Math.max(beforeOldest, lastSequence - this.#historyLimit), epoch });
      return undefined;
    }
    const oldest = { sequence: beforeOldest, epoch };
    if (this.#epoch !== "" && this.#epoch !== epoch) return this.#rebuilt(oldest, lastSequence);
    this.#epoch = epoch;
    if (lastSequence < sequence) throw futurePosition(this.#room, sequence, lastSequence);
    if (!recovered) this.extendsTo(lastSequence);
    if (this.#waiting.length > 0 || sequence >= beforeOldest) return undefined;
    this.skipTo(oldest);
    return { reason: "COMPACTED", after: { sequence, epoch }, resumedAfter: oldest };
  }

  /** The room has messages up to this one. */
  extendsTo(sequence: number): void {
    if (sequence <= this.#newest) return;
    this.#newest = sequence;
    this.#changes.emit("change");
  }

  /** A message came in. One that is known already is dropped; one that does not fit, or comes after a hole, is only noted. */
  add(message: ChatMessage): void {
    const { sequence } = message;
    const isNext = sequence === (this.#last ?? 0) + 1;
    const bytes = bytesOf(message);
    if (isNext && (this.#waiting.length === 0 || this.#waitingBytes + bytes <= MAX_WAITING_BYTES)) {
      this.#waiting.push(message);
      this.#waitingBytes += bytes;
      this.#last = sequence;
      this.#changes.emit("change");
    }
    this.extendsTo(sequence);
  }

  /** The next message, if it is there. */
  take(): ChatMessage | undefined {
    const message = this.#waiting.shift();
    if (message !== undefined) this.#waitingBytes -= bytesOf(message);
    return message;
  }

  /** Goes on after a position; what waits is dropped. */
  skipTo({ sequence, epoch }: Required<ChatPosition>): void {
    this.#newest = epoch === this.#epoch ? Math.max(this.#newest, sequence) : sequence;
    this.#epoch = epoch;
    this.#last = sequence;
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
    this.#changes.emit("change");
  }

  /** Resolves when something came in. Rejects when `signal` aborts. */
  async untilChanged(signal: AbortSignal): Promise<void> {
    await once(this.#changes, "change", { signal });
  }

  #rebuilt(oldest: Required<ChatPosition>, lastSequence: number): ChatGap {
    const after = this.position;
    this.skipTo(oldest);
    this.extendsTo(lastSequence);
    return { reason: "EPOCH_CHANGED", after, resumedAfter: oldest };
  }
}

function bytesOf({ content, metadata, attachments, contentType }: ChatMessage): number {
  const texts = [content, contentType, ...attachments, ...Object.entries(metadata).flat()];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), MESSAGE_BYTES);
}
