import { DatasetServiceDefinition, methodPath } from "@millrace/shared-types";

import { InternalError, StreamingError, withHistory } from "../errors.js";
import { cancelledBy } from "../files/cancelled-by.js";
import { present } from "../files/file-info.js";
import type { ResumePolicy } from "../options.js";
import { deferred } from "../rpc/deferred.js";
import { PullIterator } from "../rpc/pull-iterator.js";
import { resumableStream } from "../rpc/resumable-stream.js";
import type { ResumableStream, ServerStream, StreamEnd } from "../rpc/streams.js";
import type { HeaderMap } from "../rpc/transport.js";
import type { DataDeps } from "./data-api.js";
import { ListedItem } from "./listed-item.js";
import { formatPosition, type ListingPosition } from "./listing-position.js";
import { LIST_BATCHES, type ReceivedBatch, type ReceivedBatchResponse } from "./received-batch.js";
import { toDataItem } from "./received-item.js";
import type { DataItem } from "./types.js";

const METHOD = methodPath(DatasetServiceDefinition, LIST_BATCHES).slice(1);

/** Response header with the cursor of the beginning. */
const START_HEADER = "millrace-resume-token";

/** One call of a listing. */
export interface ListingCall {
  /** Empty: at the beginning. */
  readonly cursor: string;
  /** Items that are still to come; 0: no bound. */
  readonly limit: number;
  /** To be called with the response headers. */
  readonly onHeaders: (headers: HeaderMap) => void;
}

export interface ListingPlan {
  readonly open: (call: ListingCall) => ServerStream<ReceivedBatchResponse>;
  readonly from: ListingPosition;
  /** Most items. Default: no bound. */
  readonly limit: number | undefined;
  readonly policy: ResumePolicy | false | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Items one by one out of the batches of as many calls as it takes. Holds one batch. */
export class ItemListing implements ResumableStream<DataItem, string> {
  readonly closed: Promise<StreamEnd>;
  readonly #plan: ListingPlan;
  readonly #batches: ResumableStream<ReceivedBatchResponse, string>;
  readonly #messages: AsyncIterator<ReceivedBatchResponse, undefined, undefined>;
  readonly #iterator: PullIterator<DataItem>;
  readonly #closed = deferred<StreamEnd>();
  /** Before the items that are held. */
  #cursor: string | undefined;
  #items: ReceivedBatch["items"] = [];
  /** After them; `undefined` if none are held. */
  #cursorAfter: string | undefined;
  /** Of the items after the cursor: how many were given out or are to be skipped, and how many the consumer has finished. */
  #given: number;
  #finished: number;
  /** Items that may still be given out. */
  #left: number;
  #pulls = 0;
  #isTaken = false;
  #isOver = false;

  constructor({ openResumeLoop }: DataDeps, plan: ListingPlan) {
    const { from, limit = Infinity, policy, signal } = plan;
    this.#plan = plan;
    this.#cursor = from.cursor;
    this.#given = from.items;
    this.#finished = from.items;
    this.#left = limit;
    this.#batches = resumableStream<ReceivedBatchResponse, string>({
      open: () => this.#open(),
      positionAfter: ({ batch }) => batch?.cursor ?? "",
      policy,
      signal,
      openLoop: openResumeLoop,
    });
    this.#messages = this.#batches[Symbol.asyncIterator]();
    this.#iterator = new PullIterator(
      () => this.#pull(),
      () => this.#leave(),
    );
    this.closed = this.#closed.promise;
    // Whether it has completed is decided here.
    void this.#batches.closed.then((end) => end.type !== "completed" && this.#close(end));
  }

  get headers(): Promise<HeaderMap> {
    return this.#batches.headers;
  }

  get trailers(): Promise<HeaderMap> {
    return this.#batches.trailers;
  }

  get position(): string | undefined {
    return formatPosition({ cursor: this.#cursor, items: this.#finished });
  }

  get attempts(): number {
    return this.#batches.attempts;
  }

  [Symbol.asyncIterator](): AsyncIterator<DataItem, undefined, undefined> {
    if (this.#isTaken) throw new TypeError("a stream can be iterated once");
    this.#isTaken = true;
    return { next: () => this.#next(), return: () => this.#iterator.return() };
  }

  cancel(reason?: unknown): void {
    this.#batches.cancel(reason);
    this.#iterator.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    await this.closed;
  }

  /** Gives what is held at once: waiting for nothing costs more than the item. */
  async #next(): Promise<IteratorResult<DataItem, undefined>> {
    const value = this.#pulls === 0 && !this.#isOver ? this.#take() : undefined;
    if (value !== undefined) return { done: false, value };
    this.#pulls++;
    try {
      return await this.#iterator.next();
    } finally {
      this.#pulls--;
    }
  }

  async #pull(): Promise<DataItem | undefined> {
    const { signal } = this.#plan;
    try {
      for (;;) {
        if (signal?.aborted === true) throw cancelledBy(signal, METHOD);
        const item = this.#take();
        if (item !== undefined) return item;
        if (this.#left === 0 || !(await this.#receive())) return await this.#end();
      }
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  /** The next of the items that are held. */
  #take(): DataItem | undefined {
    // The consumer asked for more, so it has done with what it was given before.
    this.#finished = this.#given;
    const item = this.#items[this.#given];
    if (item === undefined || this.#left === 0 || this.#plan.signal?.aborted === true) return undefined;
    const taken = item instanceof ListedItem ? item : toDataItem(item);
    this.#given++;
    this.#left--;
    return taken;
  }

  #open(): ServerStream<ReceivedBatchResponse> {
    const limit = this.#left === Infinity ? 0 : this.#left + this.#given;
    return this.#plan.open({
      cursor: this.#cursor ?? "",
      limit,
      onHeaders: (headers) => this.#begun(headers[START_HEADER]),
    });
  }

  #begun(cursor: HeaderMap[string] | undefined): void {
    if (typeof cursor === "string") this.#cursor ??= cursor;
  }

  async #receive(): Promise<boolean> {
    this.#passItems();
    const { done, value } = await this.#messages.next();
    if (done === true) return false;
    this.#hold(present(value.batch, "batch"));
    return true;
  }

  /** All items that are held are finished. Of those to skip some may be left. */
  #passItems(): void {
    if (this.#cursorAfter === undefined) return;
    this.#cursor = this.#cursorAfter;
    this.#given -= this.#items.length;
    this.#finished = this.#given;
    this.#items = [];
    this.#cursorAfter = undefined;
  }

  #hold({ items, cursor }: ReceivedBatch): void {
    if (cursor === "") throw new InternalError("the server's answer lacks batch.cursor", { origin: "server" });
    this.#items = items;
    this.#cursorAfter = cursor;
  }

  /** The limit is reached, or the batches have ended: everything has come, or the consumer has left. */
  async #end(): Promise<undefined> {
    if (this.#left > 0 && (await this.#batches.closed).type !== "completed") return undefined;
    this.#close({ type: "completed" });
    this.#batches.cancel();
    return undefined;
  }

  #fail(failure: unknown): void {
    if (StreamingError.is(failure)) withHistory(failure, { position: this.position });
    this.#close(StreamingError.is(failure) ? { type: "failed", error: failure } : { type: "cancelled" });
    this.#batches.cancel();
  }

  #leave(): void {
    this.#isOver = true;
    this.#batches.cancel();
  }

  #close(end: StreamEnd): void {
    this.#isOver = true;
    this.#closed.resolve(end);
  }
}
