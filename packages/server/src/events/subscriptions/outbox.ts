import type { ConsumeResponse, StreamControl } from "@millrace/shared-types";
import { DEFAULT_BATCH_EVENTS, GapReason } from "@millrace/shared-types";

import type { Clock } from "../../ports/clock.js";
import type { SkippedPart } from "../feed.js";
import { gap } from "../watch-controls.js";

import type { Delivery } from "./delivery.js";
import { toDelivery } from "./delivery.js";

/** Events of one message, in bytes; one event may be larger. A message may have 4 MiB. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

/** Ids of one message: with the longest ids that are accepted, 1 MiB. */
const MAX_MESSAGE_IDS = 8000;

export interface OutboxOptions {
  readonly clock: Clock;
  /** A heartbeat follows this much silence, in milliseconds; 0: none. */
  readonly heartbeatMs: number;
  readonly heartbeat: () => StreamControl;
  /** Called when the stream has nothing left to send. It may put something in at once. */
  readonly onIdle: () => void;
}

/**
 * What a consumer's stream is to send next. It asks for deliveries only once the stream has taken
 * everything else, so that a stream that stands still holds one message of them.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  #acked: string[] = [];
  #expired: string[] = [];
  #deliveries: Delivery[] = [];
  #deliveryBytes = 0;
  #skipped: SkippedPart | undefined;
  #heartbeatIsDue = false;
  #isWaiting = false;
  #isClosed = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: () => void = () => {};
  #onTaken: () => void = () => {};

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Answers that the stream has not taken yet. */
  get answers(): number {
    return this.#acked.length + this.#expired.length;
  }

  /** The stream is waiting, and its next message has room for this many bytes of events. */
  hasRoom(bytes: number): boolean {
    if (!this.#isWaiting || this.#deliveries.length >= DEFAULT_BATCH_EVENTS) return false;
    return this.#deliveries.length === 0 || this.#deliveryBytes + bytes <= MAX_MESSAGE_BYTES;
  }

  putDelivery(delivery: Delivery): void {
    this.#deliveries.push(delivery);
    this.#deliveryBytes += delivery.work.event.size;
  }

  /** An acknowledgement that is durable. */
  putAcked(ackId: string): void {
    this.#acked.push(ackId);
    this.#wake();
  }

  /** An acknowledgement that came too late. */
  putExpired(ackId: string): void {
    this.#expired.push(ackId);
    this.#wake();
  }

  /** Events that are gone from the log. What was not taken yet becomes one gap. */
  putGap(skipped: SkippedPart): void {
    this.#skipped = this.#skipped === undefined ? skipped : merged(this.#skipped, skipped);
    this.#wake();
  }

  /** Has the stream send what has been put in. */
  flush(): void {
    if (this.#deliveries.length > 0) this.#wake();
  }

  /** The stream ends once everything is taken. */
  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  /** The stream ends now, with this error. Only the first one counts. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
    this.#onTaken();
  }

  /** Nothing that is put in now will be sent. */
  get isOver(): boolean {
    return this.#failure !== undefined;
  }

  /** Resolves when the stream takes something, or has failed. One caller at a time. */
  untilTaken(): Promise<void> {
    return new Promise((resolve) => {
      this.#onTaken = resolve;
      if (this.isOver) resolve();
    });
  }

  /**
   * The next message; `undefined` at the end. One call at a time.
   *
   * @throws what `fail` was called with
   */
  async take(): Promise<ConsumeResponse | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      const kind = this.#next();
      this.#onTaken();
      if (kind !== undefined) {
        this.#heartbeatIsDue = false;
        return { kind };
      }
      if (this.#isClosed) return undefined;
      await this.#untilWoken();
    }
  }

  #next(): ConsumeResponse["kind"] {
    if (this.answers > 0) return { $case: "ackResult", value: this.#takeAnswers() };
    if (this.#skipped !== undefined) return { $case: "control", value: this.#takeGap(this.#skipped) };
    const deliveries = this.#takeDeliveries();
    if (deliveries.length > 0) return { $case: "deliveries", value: { deliveries: deliveries.map(toDelivery) } };
    return this.#heartbeatIsDue ? { $case: "control", value: this.#options.heartbeat() } : undefined;
  }

  #takeAnswers(): { acked: string[]; expired: string[] } {
    const acked = this.#acked.splice(0, MAX_MESSAGE_IDS);
    return { acked, expired: this.#expired.splice(0, MAX_MESSAGE_IDS - acked.length) };
  }

  #takeGap(skipped: SkippedPart): StreamControl {
    this.#skipped = undefined;
    return gap(skipped, GapReason.COMPACTED);
  }

  /** As many as fit into a message, without those that were given up while they waited here. */
  #takeDeliveries(): Delivery[] {
    const waiting = this.#deliveries.filter(({ isOver }) => !isOver);
    let bytes = 0;
    let count = 0;
    for (const { work } of waiting) {
      bytes += work.event.size;
      if (count === DEFAULT_BATCH_EVENTS || (count > 0 && bytes > MAX_MESSAGE_BYTES)) break;
      count += 1;
    }
    this.#deliveries = waiting.slice(count);
    this.#deliveryBytes = this.#deliveries.reduce((sum, { work }) => sum + work.event.size, 0);
    return waiting.slice(0, count);
  }

  /** Until there may be something to take. `onIdle` is called while `hasRoom`. */
  async #untilWoken(): Promise<void> {
    const { clock, heartbeatMs, onIdle } = this.#options;
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    const onSilence = (): void => {
      this.#heartbeatIsDue = true;
      this.#wake();
    };
    const cancelTimer = heartbeatMs > 0 ? clock.after(heartbeatMs, onSilence) : () => {};
    this.#isWaiting = true;
    onIdle();
    await woken;
    this.#isWaiting = false;
    cancelTimer();
  }
}

function merged(a: SkippedPart, b: SkippedPart): SkippedPart {
  return {
    fromSequence: Math.min(a.fromSequence, b.fromSequence),
    toSequence: Math.max(a.toSequence, b.toSequence),
    count: a.count === undefined || b.count === undefined ? undefined : a.count + b.count,
  };
}
