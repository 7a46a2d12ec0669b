import { CancelledError, StreamingError } from "../errors.js";
import type { ResumePolicy } from "../options.js";
import { deferred, type Deferred } from "./deferred.js";
import { handled } from "./handled.js";
import { PullIterator } from "./pull-iterator.js";
import { openResumeLoop, type ResumeLoop } from "./resume-loop.js";
import type { ResumableStream, ServerStream, StreamEnd } from "./streams.js";
import type { HeaderMap } from "./transport.js";

export interface ResumableStreamOptions<T, P> {
  /**
   * Opens the stream that begins after `position`; `undefined`: where the call begins. The caller's
   * signal should end it too. Called for attempt 1 at once.
   */
  readonly open: (position: P | undefined, attempt: number) => ServerStream<T>;
  /** Where to go on once `item` is finished. */
  readonly positionAfter: (item: T) => P;
  /** Where to begin. */
  readonly start?: P | undefined;
  /** `false`: the first failure is final. */
  readonly policy?: ResumePolicy | false | undefined;
  /** The caller's. */
  readonly signal?: AbortSignal | undefined;
  /** Called when the stream is opened again. */
  readonly onResume?: ((position: P | undefined, attempt: number) => void) | undefined;
  /** Default: {@link openResumeLoop}. */
  readonly openLoop?: (call: {
    readonly policy: ResumePolicy | false | undefined;
    readonly signal: AbortSignal | undefined;
  }) => ResumeLoop;
}

/**
 * A stream that is opened again after failures, so that its consumer sees every item once and in
 * order. An item counts as finished when the consumer asks for the next one.
 */
export function resumableStream<T, P>(options: ResumableStreamOptions<T, P>): ResumableStream<T, P> {
  return new ReopeningStream(options);
}

class ReopeningStream<T, P> implements ResumableStream<T, P> {
  readonly headers: Promise<HeaderMap>;
  readonly trailers: Promise<HeaderMap>;
  readonly closed: Promise<StreamEnd>;
  readonly #options: ResumableStreamOptions<T, P>;
  readonly #loop: ResumeLoop;
  /** Ends backoffs: aborts with the caller's signal, or when the consumer leaves. */
  readonly #over = new AbortController();
  readonly #iterator: PullIterator<T>;
  readonly #firstHeaders: Deferred<HeaderMap> = deferred<HeaderMap>();
  readonly #closed: Deferred<StreamEnd> = deferred<StreamEnd>();
  #stream: ServerStream<T>;
  #items: AsyncIterator<T, undefined, undefined>;
  #position: P | undefined;
  #delivered: { readonly item: T } | undefined;
  #isTaken = false;
  #isClosed = false;

  constructor(options: ResumableStreamOptions<T, P>) {
    const { start, policy, signal, openLoop = openResumeLoop } = options;
    this.#options = options;
    this.#position = start;
    this.#loop = openLoop({ policy, signal: this.#over.signal });
    this.#stream = options.open(start, 1);
    this.#items = this.#itemsOf(this.#stream);
    this.#iterator = new PullIterator(
      () => this.#pull(),
      () => this.#leave("cancelled"),
    );
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (signal?.aborted === true) this.#onAbort();
    this.closed = this.#closed.promise;
    this.headers = handled(Promise.race([this.#firstHeaders.promise, this.closed.then(unlessFailed)]));
    this.trailers = handled(
      this.closed.then(async (end) => ({ ...unlessFailed(end), ...(await this.#stream.trailers) })),
    );
  }

  get position(): P | undefined {
    return this.#position;
  }

  get attempts(): number {
    return this.#loop.attempts;
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined, undefined> {
    if (this.#isTaken) throw new TypeError("a stream can be iterated once");
    this.#isTaken = true;
    return this.#iterator;
  }

  cancel(reason?: unknown): void {
    this.#leave(reason);
    this.#iterator.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    await this.closed;
  }

  async #pull(): Promise<T | undefined> {
    this.#finishDelivered();
    for (;;) {
      try {
        const { done, value } = await this.#items.next();
        if (done === true) return this.#close({ type: "completed" });
        this.#loop.progressed();
        this.#delivered = { item: value };
        return value;
      } catch (error) {
        await this.#reopenAfter(error);
      }
    }
  }

  /** The consumer asked for more, so it has done with what it was given before. */
  #finishDelivered(): void {
    if (this.#delivered === undefined) return;
    this.#position = this.#options.positionAfter(this.#delivered.item);
    this.#delivered = undefined;
  }

  async #reopenAfter(failure: unknown): Promise<void> {
    try {
      const position = this.#position === undefined ? undefined : String(this.#position);
      await this.#loop.waitAfter(failure, position);
      const { attempts } = this.#loop;
      this.#options.onResume?.(this.#position, attempts);
      this.#stream = this.#options.open(this.#position, attempts);
      this.#items = this.#itemsOf(this.#stream);
    } catch (error) {
      if (StreamingError.is(error)) this.#close({ type: "failed", error });
      else this.#close({ type: "cancelled" });
      throw error;
    }
  }

  #itemsOf(stream: ServerStream<T>): AsyncIterator<T, undefined, undefined> {
    stream.headers.then(this.#firstHeaders.resolve, () => undefined);
    return stream[Symbol.asyncIterator]();
  }

  #leave(reason: unknown): void {
    this.#stream.cancel(reason);
    this.#close({ type: "cancelled" });
  }

  #close(end: StreamEnd): undefined {
    if (this.#isClosed) return undefined;
    this.#isClosed = true;
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#over.abort();
    this.#closed.resolve(end);
    return undefined;
  }

  readonly #onAbort = (): void => {
    const error = new CancelledError("cancelled by the caller", { cause: this.#options.signal?.reason });
    this.#over.abort(error);
    this.#close({ type: "failed", error });
  };
}

function unlessFailed(end: StreamEnd): HeaderMap {
  if (end.type === "failed") throw end.error;
  return {};
}
