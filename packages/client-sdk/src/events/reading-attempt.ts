import type { EventBatch } from "@millrace/shared-types";

import { UnavailableError } from "../errors.js";
import { handled } from "../rpc/handled.js";
import { PullIterator } from "../rpc/pull-iterator.js";
import type { ServerStream, StreamEnd } from "../rpc/streams.js";
import type { HeaderMap } from "../rpc/transport.js";

/** What WatchEventBatches and ReadEvents answer with. */
export interface BatchMessage {
  readonly batch: EventBatch | undefined;
}

const NOTHING: EventBatch = { events: [], resumeToken: "", control: undefined };

/**
 * One attempt of a reading: a call that begins once it is known where, and whose end is a failure
 * as long as more was to come.
 */
export class ReadingAttempt implements ServerStream<EventBatch> {
  readonly headers: Promise<HeaderMap>;
  readonly trailers: Promise<HeaderMap>;
  readonly closed: Promise<StreamEnd>;
  readonly #call: Promise<ServerStream<BatchMessage>>;
  readonly #mayEnd: () => boolean;
  readonly #iterator: PullIterator<EventBatch>;
  #messages: AsyncIterator<BatchMessage, undefined, undefined> | undefined;
  #isCancelled = false;

  /**
   * @param open begins the call
   * @param mayEnd whether the server may end the call without an error
   */
  constructor(open: () => Promise<ServerStream<BatchMessage>>, mayEnd: () => boolean) {
    this.#call = handled(open());
    this.#mayEnd = mayEnd;
    this.headers = handled(this.#call.then((call) => call.headers));
    this.trailers = handled(this.#call.then((call) => call.trailers));
    this.closed = this.#call.then(
      (call) => call.closed,
      () => ({ type: "cancelled" }),
    );
    this.#iterator = new PullIterator(
      () => this.#pull(),
      () => this.cancel(),
    );
  }

  [Symbol.asyncIterator](): AsyncIterator<EventBatch, undefined, undefined> {
    return this.#iterator;
  }

  cancel(reason?: unknown): void {
    this.#isCancelled = true;
    void this.#call.then(
      (call) => call.cancel(reason),
      () => undefined,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    await this.closed;
  }

  async #pull(): Promise<EventBatch | undefined> {
    const call = await this.#call;
    this.#messages ??= call[Symbol.asyncIterator]();
    const { done, value } = await this.#messages.next();
    if (done !== true) return value.batch ?? NOTHING;
    if (this.#isCancelled || this.#mayEnd()) return undefined;
    throw new UnavailableError("the server ended the stream before its end", { origin: "server", retryable: true });
  }
}
