import type { HeaderMap } from "./transport.js";
import type { StreamingError } from "../errors.js";

/** How a stream ended. */
export type StreamEnd =
  | { readonly type: "completed" }
  | { readonly type: "cancelled" }
  | { readonly type: "failed"; readonly error: StreamingError };

/**
 * The responses of a streaming call. It belongs to whoever iterates it: leaving the loop
 * (`break`, `return`, an exception) cancels the call at once, also while a message is awaited,
 * and is not an error. An abort of the call's `signal` and a timeout are errors.
 * Holds at most one message that was not asked for.
 */
export interface ServerStream<T> extends AsyncIterable<T>, AsyncDisposable {
  /** May be called once. */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined, undefined>;
  /** Response headers; rejects if the call fails before any came. Needs no handler. */
  readonly headers: Promise<HeaderMap>;
  /** Trailers; rejects if the call fails. Needs no handler. */
  readonly trailers: Promise<HeaderMap>;
  /** Resolves when the stream has ended; never rejects. */
  readonly closed: Promise<StreamEnd>;
  /** Ends the loop silently and cancels the call. */
  cancel(reason?: unknown): void;
}

/** A server stream that goes on by itself after the connection or the server is lost. */
export interface ResumableStream<T, P> extends ServerStream<T> {
  /** Position of the last item that the consumer has finished: it asked for the next one. */
  readonly position: P | undefined;
  /** How many times the stream was opened. */
  readonly attempts: number;
}

/** Both directions of a call. */
export interface DuplexStream<Out, In> extends ServerStream<In> {
  /**
   * Sends one message; may be called again before it resolves. Resolves when the connection has
   * accepted it, so that awaiting each call holds the sender at the reader's pace. Its `bytes` values must
   * not change before that.
   *
   * @throws {StreamingError} once the call has ended
   */
  send(message: Out): Promise<void>;
  /** Says that no more messages follow; resolves when all before it were accepted. */
  end(): Promise<void>;
  /**
   * Sends all that `requests` yields and then ends, in place of `send` and `end`. If the source
   * throws, the call is cancelled and its consumer gets that error. Needs no handler.
   *
   * @throws whatever the source throws
   */
  sendAll(requests: Iterable<Out> | AsyncIterable<Out>): Promise<void>;
  /** Bytes handed to `send` and not yet accepted. At most 16 MiB; more is RESOURCE_EXHAUSTED. */
  readonly bufferedBytes: number;
}
