import type { Event, EventBatch, Gap, StreamControl } from "@millrace/shared-types";

import { DataLossError, StreamingError, withHistory } from "../errors.js";
import type { ResumePolicy } from "../options.js";
import { deferred } from "../rpc/deferred.js";
import { handled } from "../rpc/handled.js";
import { PullIterator } from "../rpc/pull-iterator.js";
import { resumableStream } from "../rpc/resumable-stream.js";
import type { ResumableStream, ServerStream, StreamEnd } from "../rpc/streams.js";
import type { HeaderMap } from "../rpc/transport.js";
import type { EventOrder } from "./event-order.js";
import type { EventsDeps } from "./events-api.js";
import { type BatchMessage, ReadingAttempt } from "./reading-attempt.js";
import type { CallStart, ReadingPosition } from "./reading-position.js";
import { toWatchedEvent } from "./received-event.js";
import type { CaughtUpAt, EventWatch, WatchedEvent } from "./types.js";

/** One call of a reading. */
export interface ReadingCall extends CallStart {
  /** Events that are still to come; 0: no bound. */
  readonly limit: number;
  /** To be called with the response headers. */
  readonly onHeaders: (headers: HeaderMap) => void;
}

/** What tells a watch from a read, and one of them from another. */
export interface ReadingPlan {
  readonly open: (call: ReadingCall) => ServerStream<BatchMessage>;
  readonly position: ReadingPosition;
  readonly order: EventOrder;
  /** Most events. Default: no bound. */
  readonly limit: number | undefined;
  /** The server says by its end that everything has come. If not, only `limit` ends the reading. */
  readonly isBounded: boolean;
  readonly onCaughtUp?: ((position: CaughtUpAt) => void) | undefined;
  readonly policy: ResumePolicy | false | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Events one by one out of the batches of as many calls as it takes. Holds one batch. */
export class EventReading implements EventWatch {
  readonly closed: Promise<StreamEnd>;
  readonly #plan: ReadingPlan;
  readonly #position: ReadingPosition;
  readonly #batches: ResumableStream<EventBatch, string | undefined>;
  readonly #messages: AsyncIterator<EventBatch, undefined, undefined>;
  readonly #iterator: PullIterator<WatchedEvent>;
  readonly #closed = deferred<StreamEnd>();
  readonly #ready: Promise<void>;
  /** Fetched by whoever comes first, the consumer or `ready`; taken by the consumer. */
  #received: Promise<boolean> | undefined;
  #events: readonly Event[] = [];
  #next = 0;
  #delivered: Event | undefined;
  /** Events that may still be delivered. */
  #left: number;
  #attempt = 1;
  #hasBegun = false;
  #isTaken = false;

  constructor(deps: EventsDeps, plan: ReadingPlan) {
    const { position, limit = Infinity, isBounded, policy, signal } = plan;
    this.#plan = plan;
    this.#position = position;
    this.#left = limit;
    this.#batches = resumableStream<EventBatch, string | undefined>({
      open: () =>
        new ReadingAttempt(
          () => this.#open(),
          () => isBounded || this.#left === 0,
        ),
      positionAfter: (batch) => {
        position.passed(batch);
        return position.token;
      },
      policy,
      signal,
      openLoop: deps.openResumeLoop,
    });
    this.#messages = this.#batches[Symbol.asyncIterator]();
    this.#iterator = new PullIterator(
      () => this.#pull(),
      () => this.#leave(),
    );
    this.closed = this.#closed.promise;
    // Whether it has completed is decided here.
    void this.#batches.closed.then((end) => end.type !== "completed" && this.#closed.resolve(end));
    this.#ready = handled(this.#untilLive());
  }

  get headers(): Promise<HeaderMap> {
    return this.#batches.headers;
  }

  get trailers(): Promise<HeaderMap> {
    return this.#batches.trailers;
  }

  get position(): string | undefined {
    return this.#position.token;
  }

  get attempts(): number {
    return this.#batches.attempts;
  }

  get ready(): Promise<void> {
    // A failure is noticed, and mended, only by who receives. Later on that is the consumer.
    if (!this.#hasBegun) this.#received = handled(this.#receive());
    return this.#ready;
  }

  [Symbol.asyncIterator](): AsyncIterator<WatchedEvent, undefined, undefined> {
    if (this.#isTaken) throw new TypeError("a stream can be iterated once");
    this.#isTaken = true;
    return {
      next: () => this.#iterator.next(),
      return: async () => {
        const end = await this.#iterator.return();
        await this.#position.save();
        return end;
      },
    };
  }

  cancel(reason?: unknown): void {
    this.#batches.cancel(reason);
    this.#iterator.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    await this.closed;
    await this.#position.save();
  }

  async #open(): Promise<ServerStream<BatchMessage>> {
    const start = await this.#position.next();
    const limit = this.#left === Infinity ? 0 : this.#left;
    return this.#plan.open({ ...start, limit, onHeaders: (headers) => this.#position.begun(headers) });
  }

  async #untilLive(): Promise<void> {
    await this.#batches.headers;
    if (!this.#position.isLive) throw new Error("the stream was cancelled before it was in place");
  }

  async #pull(): Promise<WatchedEvent | undefined> {
    try {
      this.#finishDelivered();
      while (this.#left > 0) {
        const event = this.#events[this.#next++];
        if (event === undefined) {
          if (!(await this.#receiveNext())) return await this.#end();
        } else if (this.#plan.order.admits(event)) {
          return this.#deliver(event);
        }
      }
      return await this.#complete();
    } catch (error) {
      await this.#fail(error);
      throw error;
    }
  }

  /** The consumer asked for more, so it has done with what it was given before. */
  #finishDelivered(): void {
    if (this.#delivered === undefined) return;
    this.#position.reach(this.#delivered.resumeToken);
    this.#delivered = undefined;
  }

  #deliver(event: Event): WatchedEvent {
    const watched = toWatchedEvent(event);
    this.#left--;
    this.#delivered = event;
    return watched;
  }

  /** Takes what was received ahead, or receives; false at the end. */
  async #receiveNext(): Promise<boolean> {
    this.#received ??= this.#receive();
    const isMore = await this.#received;
    this.#received = undefined;
    return isMore;
  }

  async #receive(): Promise<boolean> {
    this.#hasBegun = true;
    const { done, value: batch } = await this.#messages.next();
    if (done === true) return false;
    if (this.#batches.attempts !== this.#attempt) this.#plan.order.reopened();
    this.#attempt = this.#batches.attempts;
    this.#events = batch.events;
    this.#next = 0;
    if (batch.control !== undefined) this.#heed(batch.control);
    return true;
  }

  #heed({ kind }: StreamControl): void {
    if (kind?.$case === "gap") throw leftOut(kind.value);
    if (kind?.$case !== "caughtUp") return;
    const { sequence, resumeToken } = kind.value;
    this.#position.caughtUp(resumeToken);
    this.#plan.onCaughtUp?.({ sequence, resumeToken });
  }

  /** The batches have ended: that is the end of a bounded reading, or the consumer has left. */
  async #end(): Promise<undefined> {
    return (await this.#batches.closed).type === "completed" ? this.#complete() : undefined;
  }

  async #complete(): Promise<undefined> {
    await this.#position.save();
    this.#closed.resolve({ type: "completed" });
    this.#batches.cancel();
    return undefined;
  }

  async #fail(failure: unknown): Promise<void> {
    if (StreamingError.is(failure)) withHistory(failure, { position: this.position });
    this.#closed.resolve(StreamingError.is(failure) ? { type: "failed", error: failure } : { type: "cancelled" });
    this.#batches.cancel();
    // What the reading failed with goes first.
    await Promise.allSettled([this.#position.save()]);
  }

  #leave(): void {
    this.#batches.cancel();
    void this.#position.save();
  }
}

/** Nothing was to be left out: the server reads the log at our pace. */
function leftOut({ fromSequence, toSequence }: Gap): DataLossError {
  const message = `the server left out the events from ${String(fromSequence)} to ${String(toSequence)}`;
  return new DataLossError(message, { origin: "server" });
}
